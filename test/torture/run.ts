/**
 * The torture test: participants of one domain call each other, and random ones are killed at
 * random times. The survivors must continue, and in the end nothing may be left of the others.
 *
 * Participants: processes in C (test/programs/torture_nursery.c), Node processes, worker threads of
 * this process, and the manager, which holds the domain.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Participant, endParticipants } from '../support/participant.js';
import type { LoadProgress } from '../support/participant-commands.js';
import {
  descriptorsOf,
  grownDescriptors,
  leakedDescriptors,
  moreSpareEnds,
  type DescriptorKinds,
} from './descriptors.js';
import { Manager } from './manager.js';
import { Nursery } from './nursery.js';
import type { TortureOptions } from './options.js';
import { Chance } from './random.js';
import { Stock } from './stock.js';
import { AgentVictim, NodeVictim, type Manner, type Surroundings, type Victim } from './victims.js';
import { scaled, until } from '../support/deadlines.js';

/** Kinds of victims. */
type Kind = 'agent' | 'process' | 'worker' | 'manager';

/** Result of a run. */
export interface TortureResult {
  readonly seed: number;
  readonly kills: Readonly<Record<Kind, number>>;
  /** Faults: events that must not happen. */
  readonly faults: readonly string[];
  /** Number of right answers that the survivors received. */
  readonly answers: number;
  readonly seconds: number;
}

const DOMAIN = 'torture';
/** Services by number: agents are addressed by number. The last two are the survivors'. */
const SERVICES = ['c-0', 'c-1', 'c-2', 'n-0', 'n-1', 'w-0', 's-c', 's-n'];
const SURVIVING = ['s-c', 's-n'];
const SURVIVING_AGENT = SERVICES.indexOf('s-c');

const WEIGHTS: Readonly<Record<Kind, number>> = { agent: 74, process: 12, worker: 12, manager: 2 };
/** Last part of the kills, without the manager, so that leaks of the domain are detected. */
const LAST_LIFE = 1 / 3;
/** Remaining part of the kills at which the manager is killed if it was not before. */
const MANAGER_MUST_DIE = 1 / 2;
/** Maximum time between two kills, ms; the average is a third of it. */
const GAP_MAX_MS = 40;
/** Maximum absence of a victim, ms. */
const ABSENCE_MAX_MS = 60;
/** Survivors must receive new answers within this time, ms. */
const PROGRESS_MAX_MS = scaled(15_000);
const FAULTS_MAX = 20;

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Returns the zombies of `parent`. */
function zombiesOf(parent: number): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [, state, parentPid] = readFileSync(`/proc/${pid}/stat`, 'latin1')
          .replace(/^.*\)/s, '')
          .split(' ');
        return state === 'Z' && Number(parentPid) === parent;
      } catch {
        return false; // it is gone
      }
    });
}

class Torture {
  readonly #options: TortureOptions;
  readonly #chance: Chance;
  readonly #faults: string[] = [];
  readonly #kills: Record<Kind, number> = { agent: 0, process: 0, worker: 0, manager: 0 };
  readonly #stock = new Stock();
  readonly #manager = new Manager(DOMAIN, this.#stock);
  readonly #nursery = new Nursery(DOMAIN, SERVICES);
  readonly #victims: {
    readonly agent: readonly AgentVictim[];
    readonly process: readonly Victim[];
    readonly worker: readonly Victim[];
  };
  /** A service and a client in C. */
  readonly #survivors: readonly [AgentVictim, AgentVictim];
  /** Restarts and ends in progress. */
  readonly #underWay = new Set<Promise<void>>();
  readonly #startedAt = performance.now();
  #survivor!: Participant;
  #managerMayDie = false;
  #atFirst = {
    counters: {},
    managerDescriptors: {} as DescriptorKinds,
    survivorDescriptors: 0,
  };
  #lastAnswers = { agent: -1, node: -1, at: performance.now() };

  constructor(options: TortureOptions) {
    this.#options = options;
    this.#chance = new Chance(options.seed);
    const around: Surroundings = {
      domain: DOMAIN,
      services: SERVICES,
      nursery: this.#nursery,
      stock: this.#stock,
      chance: this.#chance,
      fault: (text) => {
        this.#fault(text);
      },
    };
    this.#victims = {
      agent: [
        ...[0, 1, 2].map((service) => new AgentVictim(around, 'serve', service)),
        ...[1, 2, 3].map(() => new AgentVictim(around, 'call')),
        new AgentVictim(around, 'flicker'),
      ],
      process: [
        new NodeVictim(around, false, ['n-0'], false),
        new NodeVictim(around, false, ['n-1'], true),
      ],
      worker: [
        new NodeVictim(around, true, ['w-0'], false),
        new NodeVictim(around, true, [], true),
      ],
    };
    this.#survivors = [
      new AgentVictim(around, 'serve', SURVIVING_AGENT),
      new AgentVictim(around, 'call'),
    ];
  }

  async run(): Promise<TortureResult> {
    try {
      await this.#prepare();
      await this.#torture();
      await this.#finish();
    } catch (error) {
      this.#fault(error instanceof Error ? (error.stack ?? error.message) : String(error));
    } finally {
      await this.#cleanUp();
    }
    return {
      seed: this.#options.seed,
      kills: this.#kills,
      faults: this.#faults,
      answers: this.#lastAnswers.node + this.#lastAnswers.agent,
      seconds: (performance.now() - this.#startedAt) / 1000,
    };
  }

  #fault(text: string): void {
    if (this.#faults.length < FAULTS_MAX) this.#faults.push(text);
    this.#options.print(`FAULT: ${text}`);
  }

  #collectFaults(from: string[]): void {
    for (const text of from.splice(0)) this.#fault(text);
  }

  async #prepare(): Promise<void> {
    await this.#manager.start();
    this.#survivor = await this.#stock.take();
    // Opens all permanent descriptors, so that descriptors can be compared in the end.
    await this.#survivor.do('open', { domain: DOMAIN });
    await this.#survivor.do('close', {});
    await this.#domainHolds({ processes: 1 });
    const counters = await this.#manager.counters();
    this.#atFirst = {
      counters,
      managerDescriptors: descriptorsOf(this.#manager.pid),
      survivorDescriptors: (await this.#survivor.do('facts', {})).descriptors,
    };
    this.#options.print(`the domain with its manager alone: ${JSON.stringify(counters)}`);
    await this.#survivor.do('load', {
      domain: DOMAIN,
      serve: ['s-n'],
      call: SERVICES,
      seed: this.#chance.below(2 ** 31),
    });
    for (const survivor of this.#survivors) await survivor.start();
    for (const victim of this.#allVictims()) await victim.start();
    this.#managerMayDie = true;
  }

  #allVictims(): Victim[] {
    return Object.values(this.#victims).flat();
  }

  async #torture(): Promise<void> {
    const { kills, minutes, print } = this.#options;
    const endsAt = this.#startedAt + minutes * 60_000;
    let nextCheck = 0;
    let nextPrint = performance.now() + 10_000;
    while (sumOf(this.#kills) < kills && this.#faults.length === 0) {
      const now = performance.now();
      if (now > endsAt) {
        print(`the time is up after ${sumOf(this.#kills)} of ${kills} kills`);
        break;
      }
      if (now > nextCheck) {
        await this.#check();
        nextCheck = performance.now() + 1000;
      }
      if (now > nextPrint) {
        nextPrint = now + 10_000;
        this.#printProgress();
      }
      // The square makes short gaps likely and long ones possible.
      await sleep(GAP_MAX_MS * this.#chance.next() ** 2);
      this.#killOne();
    }
    this.#printProgress();
  }

  #printProgress(): void {
    const total = sumOf(this.#kills);
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const kinds = Object.entries(this.#kills)
      .map(([kind, count]) => `${count} ${kind}`)
      .join(', ');
    this.#options.print(
      `${total} kills (${kinds}) in ${seconds.toFixed(0)} s; survivors got ` +
        `${this.#lastAnswers.node} and ${this.#lastAnswers.agent} answers`,
    );
  }

  #killOne(): void {
    const left = 1 - sumOf(this.#kills) / this.#options.kills;
    const isOverdue = this.#kills.manager === 0 && left < MANAGER_MUST_DIE;
    const kind = isOverdue ? 'manager' : this.#chance.weighted(WEIGHTS);
    if (kind === 'manager') {
      if (this.#managerMayDie && left > LAST_LIFE) this.#follow(this.#killManager());
      return;
    }
    const alive = this.#victims[kind].filter((victim) => victim.alive);
    if (alive.length === 0) return; // no victim of this kind is running
    const manner: Manner = this.#chance.below(8) === 0 ? 'stopped first' : 'at once';
    this.#kills[kind] += 1;
    this.#follow(this.#killAndStart(this.#chance.of(alive), manner));
  }

  /** Reports a rejection as a fault. */
  #follow(what: Promise<void>): void {
    const followed = what
      .catch((error: unknown) => {
        this.#fault(error instanceof Error ? (error.stack ?? error.message) : String(error));
      })
      .finally(() => this.#underWay.delete(followed));
    this.#underWay.add(followed);
  }

  async #killAndStart(victim: Victim, manner: Manner): Promise<void> {
    await victim.kill(manner);
    await sleep(this.#chance.below(ABSENCE_MAX_MS));
    await victim.start();
  }

  async #killManager(): Promise<void> {
    this.#managerMayDie = false;
    this.#kills.manager += 1;
    await this.#manager.kill();
    await sleep(this.#chance.below(150));
    await this.#manager.start();
    await this.#survivorIsBack();
    this.#managerMayDie = true;
  }

  async #survivorIsBack(): Promise<void> {
    let last: LoadProgress | undefined;
    await until(
      async () => {
        last = await this.#survivor.do('loadProgress', undefined);
        return last.connected;
      },
      () => `the survivor does not reconnect: ${JSON.stringify(last)}`,
      PROGRESS_MAX_MS,
    );
  }

  /** Checks that the survivors receive answers, and collects faults. */
  async #check(): Promise<void> {
    this.#collectFaults(this.#nursery.faults);
    const own = await this.#survivor.do('loadProgress', undefined);
    const all = await Promise.all(this.#allVictims().map((victim) => victim.progress()));
    for (const progress of [own, ...all]) {
      for (const text of progress?.faults ?? []) this.#fault(text);
    }
    const agent = this.#survivingCaller().answers;
    const now = performance.now();
    const last = this.#lastAnswers;
    if (own.answers > last.node && agent > last.agent) {
      this.#lastAnswers = { agent, node: own.answers, at: now };
    } else if (now - last.at > PROGRESS_MAX_MS) {
      this.#fault(
        `a survivor got no answer for ${Math.round(now - last.at)} ms: ${agent} (C), ` +
          `${own.answers} (Node); ${JSON.stringify(own)}; ${this.#survivor.diagnosis()}`,
      );
    }
  }

  #survivingCaller(): { answers: number } {
    return this.#survivors[1].agent ?? { answers: 0 };
  }

  async #finish(): Promise<void> {
    const { print } = this.#options;
    await Promise.all(this.#underWay);
    await this.#check();
    const agents = this.#victims.agent.map((victim) => victim.agent);
    for (const agent of agents) {
      if (agent?.ended === undefined && agent !== undefined) this.#nursery.end(agent, 'SIGTERM');
    }
    await this.#nursery.gone(agents.filter((agent) => agent !== undefined));
    for (const victim of [...this.#victims.process, ...this.#victims.worker]) {
      await victim.kill('at once');
    }
    print('the victims are gone; the survivors:');

    await this.#survivor.do('stopCalls', undefined);
    await this.#survivor.do('verify', { services: SURVIVING, times: 100 }, 40_000);
    const before = this.#survivingCaller().answers;
    await until(
      () => this.#survivingCaller().answers > before,
      () => 'the surviving agent gets no answers',
    );
    await this.#domainHolds({ processes: 4, parkedRequests: 0 });
    const progress = await this.#survivor.do('loadProgress', undefined);
    print(`  ${JSON.stringify(progress)}`);
    for (const what of ['poolNodes', 'pendingCalls'] as const) {
      if (progress[what] !== 0) this.#fault(`the survivor has ${progress[what]} ${what}`);
    }
    print(`  the domain holds ${JSON.stringify(await this.#manager.counters())}`);
    await this.#endSurvivors();
  }

  /** Ends the participants one after another, and checks that each leaves nothing behind. */
  async #endSurvivors(): Promise<void> {
    const { counters, managerDescriptors, survivorDescriptors } = this.#atFirst;
    const agents = this.#survivors.map((survivor) => survivor.agent);
    // The client ends before its service.
    for (const agent of agents.toReversed()) {
      if (agent === undefined) continue;
      this.#nursery.end(agent, 'SIGTERM');
      await this.#nursery.gone([agent]);
    }
    await this.#survivor.do('closeLoad', undefined);
    const { descriptors: now } = await this.#survivor.do('facts', {});
    if (now > survivorDescriptors) {
      this.#fault(`the survivor has ${now} descriptors, at first ${survivorDescriptors}`);
    }
    await this.#domainHolds(counters);
    this.#options.print(`  and after them ${JSON.stringify(await this.#manager.counters())}`);
    this.#options.print(`  descriptors of the survivor: ${now}, at first ${survivorDescriptors}`);
    const after = descriptorsOf(this.#manager.pid);
    const leaked = leakedDescriptors(managerDescriptors, this.#manager.pid);
    if (leaked !== '') this.#fault(`descriptors left in the manager: ${leaked}`);
    this.#options.print(
      `  descriptors of the manager: ${sumOf(after)}, at first ${sumOf(managerDescriptors)}; ` +
        `4 for each of ${moreSpareEnds(managerDescriptors, after)} lane ends more in store`,
    );
    await this.#survivor.kill();
    await this.#manager.stop();
    const zombies = [...zombiesOf(process.pid), ...zombiesOf(this.#nursery.pid)];
    if (zombies.length > 0) this.#fault(`zombies: ${zombies.join(', ')}`);
  }

  async #domainHolds(expected: object): Promise<void> {
    let now: Record<string, number> = {};
    await until(
      async () => {
        now = { ...(await this.#manager.counters()) };
        return Object.entries(expected).every(([key, count]) => now[key] === count);
      },
      () => `the domain holds ${JSON.stringify(now)}, expected ${JSON.stringify(expected)}`,
    );
  }

  async #cleanUp(): Promise<void> {
    try {
      await Promise.all(this.#underWay);
      await this.#stock.close();
      await this.#nursery.close();
      this.#collectFaults(this.#nursery.faults);
    } catch (error) {
      this.#fault(String(error));
    } finally {
      await endParticipants();
    }
  }
}

/** Runs the torture test in a new runtime directory. Never rejects: `faults` has the errors. */
export async function torture(options: TortureOptions): Promise<TortureResult> {
  const folder = mkdtempSync(join(tmpdir(), 'liteipc-torture-'));
  const before = process.env['XDG_RUNTIME_DIR'];
  // The first child process makes Node open its permanent descriptors.
  await once(spawn(process.execPath, ['--version'], { stdio: 'pipe' }), 'close');
  const descriptorsBefore = descriptorsOf(process.pid);
  process.env['XDG_RUNTIME_DIR'] = folder;
  try {
    const result = await new Torture(options).run();
    const faults = [...result.faults];
    const sockets = join(folder, 'liteipc');
    const files = existsSync(sockets) ? readdirSync(sockets) : [];
    if (files.length > 0) faults.push(`left in the runtime directory: ${files.join(', ')}`);
    const left = (): string => grownDescriptors(descriptorsBefore, process.pid);
    await until(
      () => left() === '',
      () => `descriptors left here: ${left()}`,
      2000,
    ).catch((error: unknown) => faults.push(String(error)));
    return { ...result, faults };
  } finally {
    if (before === undefined) delete process.env['XDG_RUNTIME_DIR'];
    else process.env['XDG_RUNTIME_DIR'] = before;
    rmSync(folder, { recursive: true, force: true });
  }
}
