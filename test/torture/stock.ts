/** Node processes that are started before they are needed: starting one takes 50 to 100 ms. */
import { Participant } from '../support/participant.js';

const STOCK = 2;

export class Stock {
  readonly #ready: Promise<Participant>[] = [];
  #started = 0;

  /** The next one; another is started in its place. */
  async take(): Promise<Participant> {
    while (this.#ready.length < STOCK + 1) {
      this.#started += 1;
      const participant = Participant.start(`process ${this.#started}`);
      participant.catch(() => undefined); // whoever takes it is told
      this.#ready.push(participant);
    }
    return this.#ready.shift() as Promise<Participant>;
  }

  /** Ends those that were not taken. */
  async close(): Promise<void> {
    for (const participant of this.#ready.splice(0)) await (await participant).kill();
  }
}
