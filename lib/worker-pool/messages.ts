/** What a worker pool and its workers tell each other. */

/** What a worker is given at its start. */
export interface WorkerStart {
  /** Of the module with the implementation. */
  readonly url: string;
  readonly name: string;
  readonly hash: number;
  /**
   * Name and kind of every method; undefined if validators or parcels are needed, which cannot be
   * sent.
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

/** To a worker. */
export interface WorkerOrder {
  readonly drainMs: number;
}

/** From a worker. */
export type WorkerReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly error: Error; readonly code: string | undefined }
  /** It ends by itself now; so many calls were not answered. */
  | { readonly kind: 'drained'; readonly left: number };
