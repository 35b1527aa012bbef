/**
 * A contract's methods as the running code uses them: numbered, each knowing what it belongs to.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Contract } from './types.js';
import type { ServiceReference } from '../common/errors.js';
import type { AnyParcelFormat } from '../ipc-io/parcel-format.js';
import type { MethodKind } from './methods.js';

/** One method of a contract, compiled. All have the same shape in memory. */
export interface ContractMethod extends ServiceReference {
  /** What stands in the `code` word of its requests. */
  readonly index: number;
  readonly kind: MethodKind;
  readonly oneway: boolean;
  /** Of the one input of a call. */
  readonly input: StandardSchemaV1 | undefined;
  /** Of the one answer of a call. */
  readonly output: StandardSchemaV1 | undefined;
  /** Of each item from the client to the service. */
  readonly itemInput: StandardSchemaV1 | undefined;
  /** Of each item from the service to the client. */
  readonly itemOutput: StandardSchemaV1 | undefined;
  readonly inputParcel: AnyParcelFormat | undefined;
  readonly outputParcel: AnyParcelFormat | undefined;
  /**
   * Of what a stream's client sends besides the opening call: that call's token. Its data and the
   * answer's are bytes. Else -1.
   */
  readonly streamToken: number;
}

/** The methods of a contract, by number. */
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
