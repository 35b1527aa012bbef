/** Runs an implementation: takes the requests that reach its task, calls it, answers. */
import { Admission, type AdmissionLimits } from './admission.js';
import type { IncomingCall } from './incoming-call.js';
import { unexpected } from '../common/arguments.js';
import type { Contract } from '../contract/contract.js';
import { methodsOf, type ContractMethod } from '../contract/method-table.js';
import { revokedError } from './call-watch.js';
import { EventHub } from './event-hub.js';
import { Refusal, callError, type LiteIpcError, type ServiceReference } from '../common/errors.js';
import type { ReceiverAccess } from './access-check.js';
import type { Replies } from './replies.js';
import type { ServiceControl } from './control.js';
import type { ServiceCounts } from './statistics.js';
import { invokeOf, type Invoke } from './invoke.js';
import { validate } from '../contract/validation.js';

/** What one-way methods throw, and what else nobody waits for. */
export type OnServiceError = (error: unknown, about: ServiceReference) => void;

/**
 * The default when the program gives no `onError`: a process warning, so that nothing is lost
 * silently.
 */
function warnOfError(error: unknown, about: ServiceReference): void {
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
  /** Of a registered service: what its callers may do. */
  access: ReceiverAccess | undefined;
  /** Of a registered service: what takes the manager's messages. */
  control: ServiceControl | undefined;
  /** Since it was made, through all connections. */
  readonly counts: ServiceCounts = { calls: 0, errors: 0, refused: 0, running: 0 };
  /** It finishes what it has begun and begins nothing more, except what has no answer. */
  isDraining = false;
  /** Tells the contract's events. */
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

  /** Why a call that was let through may not be made any more, if so. */
  refusalOf(call: IncomingCall): LiteIpcError | undefined {
    return call.watch.isRevoked(call) ? revokedError() : this.access?.refusalOf(call);
  }

  /** Calls that wait for their turn. */
  get waiting(): number {
    return this.#admission?.waiting ?? 0;
  }

  /** Calls that have begun or wait for their turn. */
  get unanswered(): number {
    return this.counts.running + this.waiting;
  }

  /** The method with a number of the wire, if there is one. */
  methodAt(index: number): ContractMethod | undefined {
    return this.#methods[index];
  }

  /** What messages call a number of the wire, which may be no method's. */
  referenceAt(index: number): ServiceReference {
    return this.#methods[index] ?? { service: this.contract.name, method: `method ${index}` };
  }

  /**
   * Runs one request and answers it. Never throws. An implementation that returns no promise is
   * answered in this very turn.
   */
  run(replies: Replies, method: ContractMethod, input: unknown, call: IncomingCall): void {
    if (this.isDraining && !method.oneway) {
      this.#shutDown(replies, method, call);
      return;
    }
    this.counts.calls++;
    // Who has subscribed to an event keeps nobody from running.
    if (this.#admission === undefined || method.kind === 'event') {
      this.#run(replies, method, input, call);
      return;
    }
    this.#admission.admit(
      call,
      method.oneway,
      () => {
        this.#run(replies, method, input, call);
      },
      () => {
        this.#turnAway(replies, method, call);
      },
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

  /** Answers a call with an error, at once: its implementation, if it runs, is told to end. */
  refuse(replies: Replies, call: IncomingCall, error: LiteIpcError): void {
    if (call.givenUp !== undefined || call.ended) return;
    call.giveUp(error);
    // One that waited for its turn has been answered by that.
    if (isEnded(call) || call.method.oneway) return;
    call.answered = true;
    replies.sendRefusal(call, error);
  }

  #shutDown(replies: Replies, method: ContractMethod, call: IncomingCall): void {
    this.counts.refused++;
    call.end();
    const text = 'the service is being taken back and has not begun the call: call again';
    replies.sendRefusal(call, callError('ESHUTDOWN', method, text));
  }

  /** Of a call that was never started. */
  #turnAway(replies: Replies, method: ContractMethod, call: IncomingCall): void {
    const { givenUp } = call;
    this.counts.refused++;
    call.end();
    // The end of the service tells its callers by itself.
    if (givenUp?.code === 'ECANCELED') return;
    const text = 'the service is busy and its queue is full; call again later, or less often';
    const error = givenUp ?? callError('EBUSY', method, text);
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
      // Nobody waits for it.
    } else if (error instanceof Refusal) {
      replies.sendRefusal(call, error);
    } else {
      replies.sendThrown(call, error);
    }
    this.#release(method);
  }
}

/** Asked anew: what was called in between may have ended it. */
function isEnded(call: IncomingCall): boolean {
  return call.ended;
}
