/** Defines the messages between a worker pool and its workers. */

/** Data that a worker receives at its start. */
export interface WorkerStart {
  /** URL of the module with the implementation. */
  readonly url: string;
  readonly name: string;
  readonly hash: number;
  /**
   * Name and kind of every method; undefined if the contract has validators or parcels, which
   * cannot be sent to a worker.
   */
  readonly kinds: readonly (readonly [name: string, kind: string])[] | undefined;
  readonly worker: number;
  readonly data: unknown;
  readonly device: {
    readonly domain: string;
    readonly poolSize?: number;
    readonly spinNs?: number;
  };
  readonly expose: { readonly concurrency?: number; readonly queue?: number };
}

/** A message to a worker. */
export interface WorkerOrder {
  readonly drainMs: number;
}

/** A message from a worker. */
export type WorkerReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly error: Error; readonly code: string | undefined }
  /** The worker ends after a drain; `left` calls were not answered. */
  | { readonly kind: 'drained'; readonly left: number };
