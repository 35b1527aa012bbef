/** Compiles the methods of a contract into numbered descriptions for use at run time. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Contract } from './types.js';
import type { ServiceReference } from '../common/errors.js';
import type { AnyParcelFormat } from '../ipc-io/parcel-format.js';
import type { MethodKind } from './methods.js';

/** A compiled method. All have the same hidden class. */
export interface ContractMethod extends ServiceReference {
  /** The `code` word of its requests. */
  readonly index: number;
  readonly kind: MethodKind;
  readonly oneway: boolean;
  /** Schema of the single input of a call. */
  readonly input: StandardSchemaV1 | undefined;
  /** Schema of the single result of a call. */
  readonly output: StandardSchemaV1 | undefined;
  /** Schema of each item from the client to the service. */
  readonly itemInput: StandardSchemaV1 | undefined;
  /** Schema of each item from the service to the client. */
  readonly itemOutput: StandardSchemaV1 | undefined;
  readonly inputParcel: AnyParcelFormat | undefined;
  readonly outputParcel: AnyParcelFormat | undefined;
  /**
   * For messages of a stream after its opening call: the token of that call. Their data and their
   * replies are bytes. Otherwise -1.
   */
  readonly streamToken: number;
}

/** Returns the methods of a contract by number. */
export function methodsOf(contract: Contract): readonly ContractMethod[] {
  return Object.entries(contract.methods).map(([name, definition], index) => {
    const { kind, input, output } = definition;
    const hasItemsIn = kind === 'sink' || kind === 'duplex';
    const hasItemsOut = kind === 'stream' || kind === 'duplex' || kind === 'event';
    return {
      service: contract.name,
      method: name,
      index,
      kind,
      oneway: kind === 'oneway',
      input: hasItemsIn ? undefined : input,
      output: hasItemsOut ? undefined : output,
      itemInput: hasItemsIn ? input : undefined,
      itemOutput: hasItemsOut ? output : undefined,
      inputParcel: definition.inputParcel,
      outputParcel: definition.outputParcel,
      streamToken: -1,
    };
  });
}
