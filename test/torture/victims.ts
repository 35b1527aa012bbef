/** The victims of the kills. Each restarts after a while with the same service and calls. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Participant } from '../support/participant.js';
import type { LoadProgress } from '../support/participant-commands.js';
import type { Agent, AgentRole, Nursery } from './nursery.js';
import type { Chance } from './random.js';
import type { Stock } from './stock.js';

/** Data that all victims share. */
export interface Surroundings {
  readonly domain: string;
  /** All services by number. */
  readonly services: readonly string[];
  readonly nursery: Nursery;
  readonly stock: Stock;
  readonly chance: Chance;
  /** Reports a fault. */
  readonly fault: (text: string) => void;
}

/** A participant that is killed and restarted. */
export type Manner = 'at once' | 'stopped first';

export interface Victim {
  /** True if the victim can be killed now. */
  readonly alive: boolean;
  /** Starts the victim. Resolves as soon as it can be killed, possibly before it is ready. */
  start(): Promise<void>;
  /** Kills the victim and resolves when it has ended. */
  kill(manner: Manner): Promise<void>;
  /** Returns the progress of a running victim, if it is known. */
  progress(): Promise<LoadProgress | undefined>;
}

/** Stops a process at an arbitrary point before it is killed. */
async function standStill(pid: number, chance: Chance): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await sleep(chance.below(80));
}

/** A process in C. */
export class AgentVictim implements Victim {
  agent: Agent | undefined;

  constructor(
    private readonly around: Surroundings,
    private readonly role: AgentRole,
    private readonly service = 0,
  ) {}

  get alive(): boolean {
    return this.agent !== undefined && this.agent.ended === undefined && !this.agent.terminating;
  }

  async start(): Promise<void> {
    const { nursery, chance } = this.around;
    this.agent = await nursery.start(this.role, this.service, chance.below(2 ** 31));
  }

  async kill(manner: Manner): Promise<void> {
    const { agent } = this;
    const { nursery, chance } = this.around;
    if (agent === undefined) return;
    agent.terminating = true;
    if (manner === 'stopped first') await standStill(agent.pid, chance);
    nursery.end(agent, 'SIGKILL');
    await nursery.gone([agent]);
  }

  progress(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

/** A Node process or a worker thread of this process. */
export class NodeVictim implements Victim {
  #participant: Participant | undefined;
  #terminating = true;

  constructor(
    private readonly around: Surroundings,
    private readonly asWorker: boolean,
    private readonly serve: readonly string[],
    private readonly calls: boolean,
  ) {}

  get alive(): boolean {
    return !this.#terminating;
  }

  async start(): Promise<void> {
    const { stock, domain, services, chance, fault } = this.around;
    const participant = this.asWorker
      ? await Participant.start('worker', { asWorker: true })
      : await stock.take();
    this.#participant = participant;
    this.#terminating = false;
    const order = {
      domain,
      serve: this.serve,
      call: this.calls ? services : [],
      seed: chance.below(2 ** 31),
    };
    participant.do('load', order, 40_000).catch((error: unknown) => {
      if (!this.#terminating || this.#participant !== participant) fault(String(error));
    });
    void participant.exited.then(() => {
      if (this.#participant !== participant || this.#terminating) return;
      this.#terminating = true;
      fault(`it ended by itself: ${participant.diagnosis()}`);
    });
  }

  async kill(manner: Manner): Promise<void> {
    const participant = this.#participant;
    if (participant === undefined) return;
    this.#terminating = true;
    if (manner === 'stopped first' && !this.asWorker) {
      await standStill(participant.pid, this.around.chance);
    }
    await participant.kill();
  }

  async progress(): Promise<LoadProgress | undefined> {
    const participant = this.#participant;
    if (participant === undefined || this.#terminating) return undefined;
    try {
      return await participant.do('loadProgress', undefined, 20_000);
    } catch (error) {
      // It may have been killed, or may not have started.
      const isNew = String(error).includes('there is no load here');
      const isGone = this.#terminating || this.#participant !== participant;
      if (!isNew && !isGone) this.around.fault(String(error));
      return undefined;
    }
  }
}
