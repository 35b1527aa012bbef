/** Runs an implementation: takes the requests that reach its task, calls it, answers. */
import type { CallContext } from './call-context.js';
import { unexpected } from './checks.js';
import type { Contract } from './contract.js';
import { methodsOf, type ContractMethod } from './contract-methods.js';
import { Refusal, type ServiceReference } from './errors.js';
import type { PendingRequest, Replies } from './replies.js';
import { validate } from './validation.js';

/** What one-way methods throw, and what else nobody waits for. */
export type OnServiceError = (error: unknown, about: ServiceReference) => void;

type Invoke = (input: unknown, call: CallContext) => unknown;

/** The default when the program gives no `onError`: a process warning, so that nothing is lost silently. */
export function warnOfError(error: unknown, about: ServiceReference): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.emitWarning(`${about.service}.${about.method}: ${text}`, 'LiteIpcServiceWarning');
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

/** A contract and its implementation; independent of connections. */
export class ServiceHost {
  readonly contract: Contract;
  readonly #methods: readonly ContractMethod[];
  readonly #invokes: readonly Invoke[];
  readonly #implementation: object;
  readonly #onError: OnServiceError;

  /** Throws a TypeError if the implementation lacks a method. */
  constructor(contract: Contract, implementation: object, onError: OnServiceError = warnOfError) {
    this.contract = contract;
    this.#methods = methodsOf(contract);
    this.#implementation = implementation;
    this.#onError = onError;
    this.#invokes = this.#methods.map(({ service, method }) => {
      const found: unknown = (implementation as Record<string, unknown>)[method];
      if (typeof found !== 'function') {
        throw unexpected('a function', `${service}.${method} of the implementation`, found);
      }
      return found as Invoke;
    });
  }

  /** The method with a number of the wire, if there is one. */
  methodAt(index: number): ContractMethod | undefined {
    return this.#methods[index];
  }

  /**
   * Runs one request and answers it. Never throws. An implementation that returns no promise is answered
   * in this very turn.
   */
  run(
    replies: Replies,
    to: PendingRequest,
    method: ContractMethod,
    input: unknown,
    call: CallContext,
  ): void {
    try {
      if (method.input !== undefined) {
        input = validate(method.input, input, 'input', method);
        if (isThenable(input)) {
          void this.#runLater(replies, to, method, input, call);
          return;
        }
      }
      const invoke = this.#invokes[method.index] as Invoke;
      let output = invoke.call(this.#implementation, input, call);
      if (isThenable(output)) {
        void this.#answerLater(replies, to, method, output);
        return;
      }
      if (method.output !== undefined) {
        output = this.#checkOutput(method, output);
        if (isThenable(output)) {
          void this.#answerLater(replies, to, method, output, true);
          return;
        }
      }
      if (!method.oneway) replies.sendResult(to, output, method);
    } catch (error) {
      this.#fail(replies, to, method, error);
    }
  }

  /** Reports what nobody waits for. */
  report(error: unknown, about: ServiceReference): void {
    try {
      this.#onError(error, about);
    } catch (thrown) {
      warnOfError(thrown, about);
    }
  }

  async #runLater(
    replies: Replies,
    to: PendingRequest,
    method: ContractMethod,
    checked: PromiseLike<unknown>,
    call: CallContext,
  ): Promise<void> {
    try {
      const input = await checked;
      const invoke = this.#invokes[method.index] as Invoke;
      await this.#answerLater(replies, to, method, invoke.call(this.#implementation, input, call));
    } catch (error) {
      this.#fail(replies, to, method, error);
    }
  }

  async #answerLater(
    replies: Replies,
    to: PendingRequest,
    method: ContractMethod,
    pending: unknown,
    checked = false,
  ): Promise<void> {
    try {
      let output = await pending;
      if (method.output !== undefined && !checked) output = await this.#checkOutput(method, output);
      if (!method.oneway) replies.sendResult(to, output, method);
    } catch (error) {
      this.#fail(replies, to, method, error);
    }
  }

  #checkOutput(method: ContractMethod, output: unknown): unknown {
    return method.output === undefined ? output : validate(method.output, output, 'output', method);
  }

  #fail(replies: Replies, to: PendingRequest, method: ContractMethod, error: unknown): void {
    if (method.oneway) {
      this.report(error, method);
    } else if (error instanceof Refusal) {
      replies.sendRefusal(to, error);
    } else {
      replies.sendThrown(to, error);
    }
  }
}
