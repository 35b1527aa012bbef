/** What every Node benchmark asks and answers: the smallest typed call worth the name. */

/** `id` is unique among the calls in flight, so that a transport may use it to match replies. */
export interface Question {
  readonly id: number;
  readonly a: number;
  readonly b: number;
}

export interface Answer {
  readonly id: number;
  readonly sum: number;
}

/** The service. */
export function answer(question: Question): Answer {
  return { id: question.id, sum: question.a + question.b };
}

/** One transport, seen by the client: every one of them gives a promise per call. */
export interface Peer {
  call(question: Question): Promise<Answer>;
  /** The CPUs the server's JavaScript thread may run on, as Linux lists them ("1", "0-1"). */
  readonly serverCpus: string;
  /** Ends the server and everything that would keep this process alive. */
  close(): Promise<void>;
}

/** Calls in flight of a transport that has no replies of its own, only messages. */
export class PendingCalls {
  readonly #resolvers = new Map<number, (answer: Answer) => void>();

  add(id: number): Promise<Answer> {
    return new Promise((resolve) => this.#resolvers.set(id, resolve));
  }

  settle(answer: Answer): void {
    const resolve = this.#resolvers.get(answer.id);
    if (resolve === undefined) {
      throw new Error(`an answer came to call ${answer.id}, which is not in flight`);
    }
    this.#resolvers.delete(answer.id);
    resolve(answer);
  }
}
