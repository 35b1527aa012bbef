/** Sends control requests to the domain, and resolves them with its answers. */
import type {
  ControlOperation as ControlOperationValue,
  NativeDevice,
} from '../../types/native.js';
import { LiteIpcError, codeOfStatus } from '../common/errors.js';
import { ControlOperation, Incoming } from '../native/layout.js';

/** Values that the domain returns. */
export interface ControlResult {
  readonly value0: number;
  readonly value1: number;
}

interface PendingControl {
  readonly resolve: (result: ControlResult) => void;
  readonly reject: (error: Error) => void;
  readonly operation: string;
}

const operationNames = Object.keys(ControlOperation);

/** Returns the name of a control operation for messages. */
export function operationName(operation: ControlOperationValue): string {
  return operationNames[operation] ?? String(operation);
}

/** Stores the unanswered control requests of one connection. */
export class ControlRequests {
  readonly #pending = new Map<number, PendingControl>();
  #next = 1;

  constructor(private readonly native: NativeDevice) {}

  /** Sends a request. Rejects with a LiteIpcError of the domain's errno. */
  start(
    operation: ControlOperationValue,
    task: number,
    values: readonly [number, number, number, number],
  ): Promise<ControlResult> {
    const name = operationName(operation);
    const userData = this.#next;
    this.#next = userData === 0xffff_ffff ? 1 : userData + 1;
    return new Promise((resolve, reject) => {
      const status = this.native.control(operation, task, ...values, userData);
      if (status === 0) this.#pending.set(userData, { resolve, reject, operation: name });
      else reject(controlError(name, status));
    });
  }

  /** Handles an answer; `base` is the index of the event's first word. */
  onEvent(incoming: Uint32Array, base: number): void {
    const userData = incoming[base + Incoming.UserData] as number;
    const pending = this.#pending.get(userData);
    if (pending === undefined) return;
    this.#pending.delete(userData);
    const status = (incoming[base + Incoming.Status] as number) | 0;
    if (status !== 0) {
      pending.reject(controlError(pending.operation, status));
      return;
    }
    pending.resolve({
      value0: incoming[base + Incoming.Value0] as number,
      value1: incoming[base + Incoming.Value1] as number,
    });
  }

  /**
   * Rejects all requests when the connection has ended. `error` returns the error for an
   * operation.
   */
  rejectAll(error: (operation: string) => Error): void {
    for (const { reject, operation } of this.#pending.values()) reject(error(operation));
    this.#pending.clear();
  }
}

function controlError(operation: string, status: number): LiteIpcError {
  const code = codeOfStatus(status);
  return new LiteIpcError(code, `The domain refused ${operation} (${code})`);
}
