/** The manager of the torture test's domain, which is killed and started again like everyone else. */
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { NativeDomainCounters } from '../../types/native.js';
import type { Participant } from '../support/participant.js';
import type { Stock } from './stock.js';

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return 'closed meanwhile';
  }
}

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

  /** Open descriptors of its process, by what they lead to. */
  descriptors(): Readonly<Record<string, number>> {
    const folder = `/proc/${this.#running().pid}/fd`;
    const kinds: Record<string, number> = {};
    for (const name of readdirSync(folder)) {
      const kind = targetOf(join(folder, name)).replace(/:\[\d+\]$/, '');
      kinds[kind] = (kinds[kind] ?? 0) + 1;
    }
    return kinds;
  }

  #running(): Participant {
    if (this.#participant === undefined) throw new Error('no manager is running');
    return this.#participant;
  }
}
