/**
 * Rules about messages, at the side that receives: which methods a caller may call, and how much.
 * Looked at for every message, by the stamps that no sender can choose.
 */
import type { NativeDevice } from '../../types/native.js';
import type { Caller } from '../../types/wire.js';
import type { IncomingCall } from './incoming-call.js';
import { describeCaller } from '../common/caller.js';
import { LiteIpcError, callError, type ServiceReference } from '../common/errors.js';
import { hasMethod, type LimitEntry, type MethodAccessUpdate } from './method-access.js';
import type { RefusalReports } from '../device/refusal-reports.js';
import { QuotaUse } from '../policy/token-bucket.js';

/** So many uses are remembered before those are forgotten that are as good as new. */
const USES_KEPT = 1024;

/** A quota as it concerns one caller. */
interface CallerLimit {
  readonly id: number;
  readonly name: string;
  readonly use: QuotaUse;
  readonly methods: Uint8Array | undefined;
}

/** What was said of a process. */
interface Standing {
  readonly generation: number;
  readonly methods: Uint8Array;
  readonly limits: readonly LimitEntry[];
}

/** What is known of a caller since the last update. */
interface Known {
  readonly methods: Uint8Array;
  readonly limits: readonly CallerLimit[];
}

/** What one registered service was told, and what its callers have used. */
export class ReceiverAccess {
  /** Whether there are rules: then every message is to be checked, and every call to be told. */
  restricted = false;
  /** Takes what was refused. */
  refusals: RefusalReports | undefined;
  /** Called when the manager has told something. */
  onUpdated: (() => void) | undefined = undefined;

  readonly #native: NativeDevice;
  readonly #processes = new Map<number, Standing>();
  #known = new WeakMap<Caller, Known>();
  /** By rule and uid. */
  readonly #uses = new Map<string, QuotaUse>();
  readonly #reported = { EACCES: new WeakSet<Caller>(), EDQUOT: new WeakSet<Caller>() };

  constructor(native: NativeDevice) {
    this.#native = native;
  }

  /**
   * Why a message is not let through, or undefined: then it has been charged. `size` in bytes,
   * `calls` 0 for what belongs to a call that was charged already.
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
      const text = `uid ${caller.uid} has used up ${excess.limit}, by ${limit.name}; again ${when}`;
      return new LiteIpcError('EDQUOT', text, { ...about, retryAfterMs });
    }
    for (const limit of limits) if (concerns(limit, index)) limit.use.take(calls, size);
    return undefined;
  }

  /** Why a call that was let through may not be made any more, or undefined: then it may. */
  refusalOf({ caller, method }: IncomingCall): LiteIpcError | undefined {
    if (!this.restricted || hasMethod(this.#of(caller).methods, method.index)) return undefined;
    const text = `the policy does not admit ${describeCaller(caller)} to this method any more`;
    return callError('EACCES', method, text);
  }

  /** A call that was let through begins: it is in flight until it ends. */
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
   * True once for each caller and kind: a flood of refused messages must not become a flood of
   * reports.
   */
  shouldReport(caller: Caller, code: string): boolean {
    const reported = this.#reported[code === 'EDQUOT' ? code : 'EACCES'];
    if (reported.has(caller)) return false;
    reported.add(caller);
    return true;
  }

  #of(caller: Caller): Known {
    let known = this.#known.get(caller);
    if (known === undefined) {
      known = this.#find(caller);
      this.#known.set(caller, known);
    }
    return known;
  }

  #find(caller: Caller): Known {
    const said = this.#processes.get(caller.processId);
    const task = this.#native.query(caller.taskId);
    const isSame =
      task?.processId === caller.processId && task.processGeneration === said?.generation;
    if (said === undefined || !isSame) return { methods: new Uint8Array(0), limits: [] };
    const limits = said.limits.map(([id, name, quota, methods]) => {
      const key = `${id} ${caller.uid}`;
      let use = this.#uses.get(key);
      if (use === undefined) {
        use = new QuotaUse(quota, performance.now());
        this.#uses.set(key, use);
      }
      return { id, name, use, methods };
    });
    return { methods: said.methods, limits };
  }

  /** The manager has told something. */
  update(update: MethodAccessUpdate): void {
    for (const [processId, generation, methods, limits] of update.entries) {
      this.#processes.set(processId, {
        generation,
        // Copies: what was received may be part of a larger buffer that is used again.
        methods: Uint8Array.from(methods),
        limits: limits.map(([id, name, quota, only]): LimitEntry =>
          only === undefined ? [id, name, quota] : [id, name, quota, Uint8Array.from(only)],
        ),
      });
    }
    this.restricted = update.restricted;
    if (!update.restricted && update.entries.length === 0) this.#processes.clear();
    this.#known = new WeakMap();
    if (this.#uses.size > USES_KEPT) this.#forgetUnused();
    this.onUpdated?.();
  }

  #forgetUnused(): void {
    const now = performance.now();
    for (const [key, use] of this.#uses) if (use.isUnused(now)) this.#uses.delete(key);
  }
}

function concerns({ methods }: CallerLimit, index: number): boolean {
  return methods === undefined || hasMethod(methods, index);
}
