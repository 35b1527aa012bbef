/** Defines the call that every Node benchmark makes: a small typed request and answer. */

/**
 * A `Question` is a request. `id` is unique among the calls in flight, so that a transport may
 * match replies by it.
 */
export interface Question {
  readonly id: number;
  readonly a: number;
  readonly b: number;
}

export interface Answer {
  readonly id: number;
  readonly sum: number;
}

/** Implements the service. */
export function answer(question: Question): Answer {
  return { id: question.id, sum: question.a + question.b };
}

/** A `Peer` is one transport as the client sees it: it returns a promise per call. */
export interface Peer {
  call(question: Question): Promise<Answer>;
  /** CPUs that the server's JavaScript thread may run on, in the format of Linux ("1", "0-1"). */
  readonly serverCpus: string;
  /** Ends the server and all resources that would prevent this process from exiting. */
  close(): Promise<void>;
}

/** `PendingCalls` holds the calls in flight of a transport that has messages but no replies. */
export class PendingCalls {
  readonly #resolvers = new Map<number, (answer: Answer) => void>();

  add(id: number): Promise<Answer> {
    return new Promise((resolve) => this.#resolvers.set(id, resolve));
  }

  settle(answer: Answer): void {
    const resolve = this.#resolvers.get(answer.id);
    if (resolve === undefined) {
      throw new Error(`received an answer to call ${answer.id}, which is not in flight`);
    }
    this.#resolvers.delete(answer.id);
    resolve(answer);
  }
}
