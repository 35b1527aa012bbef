/** Runs the manager of the torture test's domain, which is killed and restarted too. */
import type { NativeDomainCounters } from '../../types/native.js';
import type { Participant } from '../support/participant.js';
import type { Stock } from './stock.js';

export class Manager {
  readonly #domain: string;
  readonly #stock: Stock;
  #participant: Participant | undefined;

  constructor(domain: string, stock: Stock) {
    this.#domain = domain;
    this.#stock = stock;
  }

  async start(): Promise<void> {
    const participant = await this.#stock.take();
    await participant.do('startManager', { domain: this.#domain });
    this.#participant = participant;
  }

  async kill(): Promise<void> {
    const participant = this.#running();
    this.#participant = undefined;
    await participant.kill();
  }

  async stop(): Promise<void> {
    const participant = this.#running();
    await participant.do('stopManager', undefined);
    await participant.kill();
  }

  counters(): Promise<NativeDomainCounters> {
    return this.#running().do('counters', undefined);
  }

  get pid(): number {
    return this.#running().pid;
  }

  #running(): Participant {
    if (this.#participant === undefined) throw new Error('no manager is running');
    return this.#participant;
  }
}
