/** Runs the implementation of a service: validates, calls and answers. */
import { unexpected } from '../common/arguments.js';
import { Refusal, callError, type LiteIpcError, type ServiceReference } from '../common/errors.js';
import { isThenable } from '../common/values.js';
import { methodsOf, type ContractMethod } from '../contract/method-table.js';
import type { Contract } from '../contract/types.js';
import { validate } from '../contract/validation.js';
import type { ReceiverAccess } from './access-check.js';
import { Admission, type AdmissionLimits } from './admission.js';
import { revokedError } from './call-watch.js';
import { EventHub } from './event-hub.js';
import type { IncomingCall } from './incoming-call.js';
import { invokeOf, type Invoke } from './invoke.js';
import type { Replies } from './replies.js';

/** Receives the errors of one-way methods, and other errors without a recipient. */
export type OnServiceError = (error: unknown, about: ServiceReference) => void;

/** Counters of a running service. */
export interface ServiceCounts {
  /** Calls and one-way messages for the implementation, including waiting and rejected ones. */
  calls: number;
  /** Calls that failed: the implementation threw, or its input or output was not valid. */
  errors: number;
  /**
   * Rejected calls: the queue was full, the policy does not admit the caller, or the contracts
   * differ.
   */
  refused: number;
  /** Calls that have begun and not ended. */
  running: number;
}

/** Emits a process warning. This is the default for `onError`, so that no error is lost. */
function warnOfError(error: unknown, about: ServiceReference): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.emitWarning(`${about.service}.${about.method}: ${text}`, 'LiteIpcServiceWarning');
}

/** Binds an implementation to its contract. A host may outlive the connections that it serves. */
export class ServiceHost {
  readonly contract: Contract;
  /** The access rules. Only for a registered service. */
  access: ReceiverAccess | undefined;
  /** Serves the manager's messages. Only for a registered service. */
  control: ServiceHost | undefined;
  /** Totals over all connections. */
  readonly counts: ServiceCounts = { calls: 0, errors: 0, refused: 0, running: 0 };
  /**
   * True while the service is being withdrawn: calls that have begun continue, and of new messages
   * only one-way ones are processed.
   */
  isDraining = false;
  /** Publishes the contract's events. */
  readonly events: EventHub;
  readonly #methods: readonly ContractMethod[];
  readonly #invokes: readonly Invoke[];
  readonly #implementation: object;
  readonly #onError: OnServiceError;
  readonly #admission: Admission | undefined;

  /**
   * Without `limits` every call runs at once. Throws a TypeError if the implementation lacks a
   * method.
   */
  constructor(
    contract: Contract,
    implementation: object,
    onError: OnServiceError = warnOfError,
    limits?: AdmissionLimits,
    eventQueue?: number,
  ) {
    this.contract = contract;
    this.#methods = methodsOf(contract);
    this.events = new EventHub(this.#methods, eventQueue);
    this.#implementation = implementation;
    this.#onError = onError;
    this.#admission =
      limits === undefined ? undefined : new Admission(limits, (call) => this.refusalOf(call));
    this.#invokes = this.#methods.map(({ service, method, kind }) => {
      if (kind === 'event') return this.events.invoke;
      const found: unknown = (implementation as Record<string, unknown>)[method];
      if (typeof found !== 'function') {
        throw unexpected('a function', `${service}.${method} of the implementation`, found);
      }
      return invokeOf(kind, found as Invoke);
    });
  }

  /** Returns the reason why an admitted call is no longer allowed, if there is one. */
  refusalOf(call: IncomingCall): LiteIpcError | undefined {
    return call.watch.isRevoked(call) ? revokedError() : this.access?.refusalOf(call);
  }

  /** Number of waiting calls. */
  get waiting(): number {
    return this.#admission?.waiting ?? 0;
  }

  /** Number of running and waiting calls. */
  get unanswered(): number {
    return this.counts.running + this.waiting;
  }

  /** Returns the method with this number, if there is one. */
  methodAt(index: number): ContractMethod | undefined {
    return this.#methods[index];
  }

  /** Returns the names to use in messages. The number may be invalid. */
  referenceAt(index: number): ServiceReference {
    return this.#methods[index] ?? { service: this.contract.name, method: `method ${index}` };
  }

  /**
   * Runs one request and answers it. Never throws. Answers within this call if the implementation
   * returns no promise.
   */
  run(replies: Replies, method: ContractMethod, input: unknown, call: IncomingCall): void {
    if (this.isDraining && !method.oneway) {
      this.#shutDown(replies, method, call);
      return;
    }
    this.counts.calls++;
    // A subscription does not count against the limits.
    if (this.#admission === undefined || method.kind === 'event') {
      this.#run(replies, method, input, call);
      return;
    }
    this.#admission.admit(
      call,
      method.oneway,
      () => this.#run(replies, method, input, call),
      () => this.#turnAway(replies, method, call),
    );
  }

  #run(replies: Replies, method: ContractMethod, input: unknown, call: IncomingCall): void {
    this.counts.running++;
    try {
      if (method.input !== undefined) {
        input = validate(method.input, input, 'the input', method);
        if (isThenable(input)) {
          void this.#runLater(replies, method, input, call);
          return;
        }
      }
      const invoke = this.#invokes[method.index] as Invoke;
      let output = invoke.call(this.#implementation, input, call);
      if (isThenable(output)) {
        void this.#answerLater(replies, method, call, output);
        return;
      }
      if (method.output !== undefined) {
        output = this.#checkOutput(method, output);
        if (isThenable(output)) {
          void this.#answerLater(replies, method, call, output, true);
          return;
        }
      }
      this.#answer(replies, method, call, output);
    } catch (error) {
      this.#fail(replies, method, call, error);
    }
  }

  /** Passes an error that no caller receives to `onError`. */
  report(error: unknown, about: ServiceReference): void {
    try {
      this.#onError(error, about);
    } catch (thrown) {
      warnOfError(thrown, about);
    }
  }

  async #runLater(
    replies: Replies,
    method: ContractMethod,
    checked: PromiseLike<unknown>,
    call: IncomingCall,
  ): Promise<void> {
    try {
      const input = await checked;
      const invoke = this.#invokes[method.index] as Invoke;
      await this.#answerLater(
        replies,
        method,
        call,
        invoke.call(this.#implementation, input, call),
      );
    } catch (error) {
      this.#fail(replies, method, call, error);
    }
  }

  async #answerLater(
    replies: Replies,
    method: ContractMethod,
    call: IncomingCall,
    pending: unknown,
    checked = false,
  ): Promise<void> {
    try {
      let output = await pending;
      if (method.output !== undefined && !checked) output = await this.#checkOutput(method, output);
      this.#answer(replies, method, call, output);
    } catch (error) {
      this.#fail(replies, method, call, error);
    }
  }

  #checkOutput(method: ContractMethod, output: unknown): unknown {
    return method.output === undefined
      ? output
      : validate(method.output, output, 'the output', method);
  }

  #answer(replies: Replies, method: ContractMethod, call: IncomingCall, output: unknown): void {
    call.end();
    this.counts.running--;
    if (call.answered) call.attached?.close();
    else if (!method.oneway) replies.sendResult(call, output, method);
    this.#release(method);
  }

  #release(method: ContractMethod): void {
    if (method.kind !== 'event') this.#admission?.release();
  }

  /** Answers a call with an error at once. If its implementation runs, its signal is aborted. */
  refuse(replies: Replies, call: IncomingCall, error: LiteIpcError): void {
    if (call.cancelled !== undefined || call.ended) return;
    call.cancel(error);
    // The cancellation has already answered a call that was waiting.
    if (isEnded(call) || call.method.oneway) return;
    call.answered = true;
    replies.sendRefusal(call, error);
  }

  #shutDown(replies: Replies, method: ContractMethod, call: IncomingCall): void {
    this.counts.refused++;
    call.end();
    const text = 'the service is being withdrawn and has not begun the call: call again';
    replies.sendRefusal(call, callError('ESHUTDOWN', method, text));
  }

  /** Refuses a call that was not started. */
  #turnAway(replies: Replies, method: ContractMethod, call: IncomingCall): void {
    const { cancelled } = call;
    this.counts.refused++;
    call.end();
    // The end of the service itself notifies its callers.
    if (cancelled?.code === 'ECANCELED') return;
    const text = 'the service is busy and its queue is full; call again later, or less often';
    const error = cancelled ?? callError('EBUSY', method, text);
    if (method.oneway) this.report(error, method);
    else replies.sendRefusal(call, error);
  }

  #fail(replies: Replies, method: ContractMethod, call: IncomingCall, error: unknown): void {
    call.end();
    this.counts.running--;
    this.counts.errors++;
    call.attached?.close();
    if (method.oneway) {
      this.report(error, method);
    } else if (call.answered) {
      // The caller has its answer already.
    } else if (error instanceof Refusal) {
      replies.sendRefusal(call, error);
    } else {
      replies.sendThrown(call, error);
    }
    this.#release(method);
  }
}

/** Reads `ended` again, because code that ran in between may have ended the call. */
function isEnded(call: IncomingCall): boolean {
  return call.ended;
}
