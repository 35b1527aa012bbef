/** Starts Node processes in advance, because a start takes 50 to 100 ms. */
import { Participant } from '../support/participant.js';

const STOCK = 2;

export class Stock {
  readonly #ready: Promise<Participant>[] = [];
  #started = 0;

  /** Returns the next process and starts another. */
  async take(): Promise<Participant> {
    while (this.#ready.length < STOCK + 1) {
      this.#started += 1;
      const participant = Participant.start(`process ${this.#started}`);
      participant.catch(() => undefined); // `take` reports the error
      this.#ready.push(participant);
    }
    return this.#ready.shift() as Promise<Participant>;
  }

  /** Ends the processes that were not taken. */
  async close(): Promise<void> {
    for (const participant of this.#ready.splice(0)) await (await participant).kill();
  }
}
