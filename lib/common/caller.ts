/** Creates the objects that describe callers to implementations. */
import type { Caller } from '../../types/wire.js';

/** Caches one Caller object per calling task, so that a message does not allocate one. */
export class Callers {
  readonly #callers: (Caller | undefined)[] = [];
  readonly #generations: number[] = [];

  /** Returns the caller with these stamps. */
  of(
    taskId: number,
    generation: number,
    processId: number,
    pid: number,
    uid: number,
    gid: number,
  ): Caller {
    const known = this.#callers[taskId];
    if (known !== undefined && this.#generations[taskId] === generation) return known;
    const caller = Object.freeze({ processId, taskId, pid, uid, gid }) as Caller;
    this.#callers[taskId] = caller;
    this.#generations[taskId] = generation;
    return caller;
  }
}

/** Describes a caller for messages: `process 4711 (uid 1000, gid 1000)`. */
export function describeCaller({ pid, uid, gid }: Pick<Caller, 'pid' | 'uid' | 'gid'>): string {
  return `process ${pid} (uid ${uid}, gid ${gid})`;
}
