/**
 * Enforces the access rules on the receiving side: the methods that a caller may call, and its
 * quotas. Every message is checked by its stamps, which the sender cannot choose.
 */
import type { NativeDevice } from '../../types/native.js';
import type { Caller } from '../../types/wire.js';
import type { IncomingCall } from './incoming-call.js';
import { describeCaller } from '../common/caller.js';
import { LiteIpcError, callError, type ServiceReference } from '../common/errors.js';
import { hasMethod, type LimitEntry, type MethodAccessUpdate } from './method-access.js';
import { QuotaUse } from '../policy/token-bucket.js';

/** Number of quota uses above which those that are fully replenished are discarded. */
const USES_MAX = 1024;

/** Counts the messages that a service refuses. */
interface RefusalCounter {
  /** Counts one message. `limit` is the number of the exceeded limit, 0 for none. */
  add(caller: Caller, method: number, limit: number): void;
}

/** A quota of one caller. */
interface CallerLimit {
  readonly id: number;
  readonly name: string;
  readonly use: QuotaUse;
  readonly methods: Uint8Array | undefined;
}

/** The rules of one process. */
interface ProcessRules {
  readonly generation: number;
  readonly methods: Uint8Array;
  readonly limits: readonly LimitEntry[];
}

/** The rules of one caller, cached until the next update. */
interface CallerRules {
  readonly methods: Uint8Array;
  readonly limits: readonly CallerLimit[];
}

/** Holds the access rules of one registered service, and what its callers have used. */
export class ReceiverAccess {
  /**
   * True if there are rules. Then every message is checked, and `enter` is called for every call.
   */
  restricted = false;
  /** Counts the refused messages. */
  refusals: RefusalCounter | undefined;
  /** Called after each update by the manager. */
  onUpdated: (() => void) | undefined = undefined;
  readonly #processes = new Map<number, ProcessRules>();
  #cached = new WeakMap<Caller, CallerRules>();
  /** By rule and uid. */
  readonly #uses = new Map<string, QuotaUse>();
  readonly #reported = { EACCES: new WeakSet<Caller>(), EDQUOT: new WeakSet<Caller>() };

  constructor(private readonly native: NativeDevice) {}

  /**
   * Returns the reason why a message is not admitted, or undefined after charging it to the quotas.
   * `size` is in bytes. `calls` is 0 for messages of a call that was already charged.
   */
  check(
    caller: Caller,
    index: number,
    size: number,
    about: ServiceReference,
    calls = 1,
  ): LiteIpcError | undefined {
    const { methods, limits } = this.#of(caller);
    if (!hasMethod(methods, index)) {
      this.refusals?.add(caller, index, 0);
      const text = `the policy does not admit ${describeCaller(caller)} to this method`;
      return new LiteIpcError('EACCES', text, about);
    }
    if (limits.length === 0) return undefined;
    const now = performance.now();
    for (const limit of limits) {
      if (!concerns(limit, index)) continue;
      const excess = limit.use.excess(calls, size, now);
      if (excess === undefined) continue;
      this.refusals?.add(caller, index, limit.id);
      const { retryAfterMs } = excess;
      const when =
        retryAfterMs === undefined
          ? 'when one of them has ended'
          : `in ${retryAfterMs < 1000 ? `${retryAfterMs} ms` : `${Math.ceil(retryAfterMs / 1000)} s`}`;
      const text = `uid ${caller.uid} has used up ${excess.limit}, limited by ${limit.name}; retry ${when}`;
      return new LiteIpcError('EDQUOT', text, { ...about, retryAfterMs });
    }
    for (const limit of limits) if (concerns(limit, index)) limit.use.take(calls, size);
    return undefined;
  }

  /** Returns the reason why an admitted call is no longer allowed, if there is one. */
  refusalOf({ caller, method }: IncomingCall): LiteIpcError | undefined {
    if (!this.restricted || hasMethod(this.#of(caller).methods, method.index)) return undefined;
    const text = `the policy no longer admits ${describeCaller(caller)} to this method`;
    return callError('EACCES', method, text);
  }

  /** Counts an admitted call as in flight until it ends. */
  enter(call: IncomingCall): void {
    const { limits } = this.#of(call.caller);
    const uses = limits.filter(
      (limit) => limit.use.quota.inFlight !== undefined && concerns(limit, call.method.index),
    );
    if (uses.length === 0) return;
    for (const { use } of uses) use.begun();
    call.onEnded = () => {
      for (const { use } of uses) use.ended();
    };
  }

  /**
   * Returns true once for each caller and code, so that many refused messages do not cause as many
   * reports.
   */
  shouldReport(caller: Caller, code: string): boolean {
    const reported = this.#reported[code === 'EDQUOT' ? code : 'EACCES'];
    if (reported.has(caller)) return false;
    reported.add(caller);
    return true;
  }

  #of(caller: Caller): CallerRules {
    let cached = this.#cached.get(caller);
    if (cached === undefined) {
      cached = this.#find(caller);
      this.#cached.set(caller, cached);
    }
    return cached;
  }

  #find(caller: Caller): CallerRules {
    const rules = this.#processes.get(caller.processId);
    const task = this.native.query(caller.taskId);
    const isSame =
      task?.processId === caller.processId && task.processGeneration === rules?.generation;
    if (rules === undefined || !isSame) return { methods: new Uint8Array(0), limits: [] };
    const limits = rules.limits.map(([id, name, quota, methods]) => {
      const key = `${id} ${caller.uid}`;
      let use = this.#uses.get(key);
      if (use === undefined) {
        use = new QuotaUse(quota, performance.now());
        this.#uses.set(key, use);
      }
      return { id, name, use, methods };
    });
    return { methods: rules.methods, limits };
  }

  /** Applies an update by the manager. */
  update(update: MethodAccessUpdate): void {
    for (const [processId, generation, methods, limits] of update.entries) {
      this.#processes.set(processId, {
        generation,
        // Copied, because the received arrays may be views of a larger buffer that is reused.
        methods: Uint8Array.from(methods),
        limits: limits.map(([id, name, quota, only]): LimitEntry =>
          only === undefined ? [id, name, quota] : [id, name, quota, Uint8Array.from(only)],
        ),
      });
    }
    this.restricted = update.restricted;
    if (!update.restricted && update.entries.length === 0) this.#processes.clear();
    this.#cached = new WeakMap();
    if (this.#uses.size > USES_MAX) this.#discardUnused();
    this.onUpdated?.();
  }

  #discardUnused(): void {
    const now = performance.now();
    for (const [key, use] of this.#uses) if (use.isUnused(now)) this.#uses.delete(key);
  }
}

function concerns({ methods }: CallerLimit, index: number): boolean {
  return methods === undefined || hasMethod(methods, index);
}
