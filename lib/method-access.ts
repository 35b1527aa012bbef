/**
 * Rules for single methods, at the side that receives. The ServiceManager decides which methods a process
 * may call and tells the service before it gives the process the right to call it; the service looks at
 * every message's stamps. A service that was told nothing has no such rules.
 */
import type { Caller } from '../types/wire.js';
import type { NativeDevice } from '../types/native.js';

/** Which methods a process may call: LiteIPC process, its generation, and a bit for each method. */
export type MethodAccessEntry = readonly [
  processId: number,
  processGeneration: number,
  methods: Uint8Array,
];

/** A message of the manager. What was said of other processes stays. */
export interface MethodAccessUpdate {
  /**
   * Whether there are rules for methods: then who was not named may call none. False with entries: more
   * is to follow before they count. False without: all that was said is void.
   */
  readonly restricted: boolean;
  readonly entries: readonly MethodAccessEntry[];
}

/** A set of methods by number, as bits. */
export function methodBits(admitted: readonly boolean[]): Uint8Array {
  const bits = new Uint8Array(Math.ceil(admitted.length / 8));
  for (const [index, isAdmitted] of admitted.entries()) {
    if (isAdmitted) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
  }
  return bits;
}

/** Whether a method is in the set. */
export function hasMethod(bits: Uint8Array, index: number): boolean {
  return (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
}

/** What one registered service was told. */
export class MethodAccess {
  readonly #native: NativeDevice;
  readonly #processes = new Map<number, { readonly generation: number; methods: Uint8Array }>();
  #restricted = false;
  /** What was found for a caller since the last update. */
  #known = new WeakMap<Caller, Uint8Array>();
  #reported = new WeakSet<Caller>();

  constructor(native: NativeDevice) {
    this.#native = native;
  }

  /** May the caller call the method with this number? */
  admits(caller: Caller, index: number): boolean {
    if (!this.#restricted) return true;
    let methods = this.#known.get(caller);
    if (methods === undefined) {
      methods = this.#find(caller);
      this.#known.set(caller, methods);
    }
    return hasMethod(methods, index);
  }

  /** True once for each caller: a flood of refused messages must not become a flood of reports. */
  shouldReport(caller: Caller): boolean {
    if (this.#reported.has(caller)) return false;
    this.#reported.add(caller);
    return true;
  }

  #find(caller: Caller): Uint8Array {
    const said = this.#processes.get(caller.processId);
    const task = this.#native.query(caller.taskId);
    const isSame =
      task?.processId === caller.processId && task.processGeneration === said?.generation;
    return said !== undefined && isSame ? said.methods : new Uint8Array(0);
  }

  /** The manager has told something. */
  update(update: MethodAccessUpdate): void {
    for (const [processId, generation, methods] of update.entries) {
      // A copy: what was received may be part of a larger buffer that is used again.
      this.#processes.set(processId, { generation, methods: Uint8Array.from(methods) });
    }
    this.#restricted = update.restricted;
    if (!update.restricted && update.entries.length === 0) this.#processes.clear();
    this.#known = new WeakMap();
  }
}
