/** A contract's methods as the running code uses them: numbered, each knowing what it belongs to. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Contract } from './contract.js';
import type { ServiceReference } from './errors.js';
import type { AnyParcelFormat } from './ipc-io/parcel-format.js';

/** One method of a contract, compiled. All have the same shape in memory. */
export interface ContractMethod extends ServiceReference {
  /** What stands in the `code` word of its requests. */
  readonly index: number;
  readonly oneway: boolean;
  readonly input: StandardSchemaV1 | undefined;
  readonly output: StandardSchemaV1 | undefined;
  readonly inputParcel: AnyParcelFormat | undefined;
  readonly outputParcel: AnyParcelFormat | undefined;
}

/** The methods of a contract, by number. */
export function methodsOf(contract: Contract): readonly ContractMethod[] {
  return Object.entries(contract.methods).map(([name, definition], index) => ({
    service: contract.name,
    method: name,
    index,
    oneway: definition.kind === 'oneway',
    input: definition.input,
    output: definition.output,
    inputParcel: definition.inputParcel,
    outputParcel: definition.outputParcel,
  }));
}
