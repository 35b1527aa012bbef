/** Controls test/programs/torture_nursery.c, which starts and ends the agents in C. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Packr } from 'msgpackr';
import { shapeOf } from '#lib/contract/shape.js';
import { processState } from '../support/participant.js';
import { workService } from '../support/work.js';
import { root } from '../support/paths.js';
import { until } from '../support/deadlines.js';

export type AgentRole = 'serve' | 'call' | 'flicker';

/** A process in C. */
export interface Agent {
  readonly pid: number;
  readonly role: AgentRole;
  /** Index of its service, if it has one. */
  readonly service: number;
  /** Number of right answers. */
  answers: number;
  /** True if its termination was requested, so that its end is expected. */
  terminating: boolean;
  ended?: string;
}

/** Path of the program; LITEIPC_TORTURE_NURSERY selects another build, such as a sanitizer's. */
const program =
  process.env['LITEIPC_TORTURE_NURSERY'] ?? join(root, 'build-native/torture_nursery');

function encoded(message: object): string {
  return new Packr({ useRecords: false, variableMapSize: true }).pack(message).toString('hex');
}

export class Nursery {
  /** Running agents by pid. */
  readonly agents = new Map<number, Agent>();
  /** Faults: events that must not happen. */
  readonly faults: string[] = [];

  readonly #child: ChildProcess;
  readonly #starting: ((agent: Agent) => void)[] = [];
  #exitStatus: string | undefined;

  /** `names`: services that agents serve and call. */
  constructor(domain: string, names: readonly string[]) {
    if (!existsSync(program)) {
      throw new Error(`${program} is missing: node scripts/build.mjs native`);
    }
    const services = names.flatMap((name) => {
      const { hash, methods } = workService(name);
      return [name, encoded({ name, shape: shapeOf(methods) }), encoded({ name, hash })];
    });
    this.#child = spawn(program, [domain, ...services], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.once('error', (error) => this.faults.push(`nursery: ${error.message}`));
    this.#child.once('exit', (code, signal) => {
      this.#exitStatus = signal ?? String(code);
      if (this.#exitStatus !== '0') this.faults.push(`the nursery ended: ${this.#exitStatus}`);
    });
    this.#child.stderr?.on('data', (text: Buffer) => {
      this.faults.push(`an agent printed: ${text.toString().slice(0, 3000)}`);
    });
    const output = this.#child.stdout;
    if (output === null) throw new Error('the nursery has no output');
    createInterface({ input: output }).on('line', (line) => {
      this.#onLine(line);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  start(role: AgentRole, service: number, seed: number): Promise<Agent> {
    const started = new Promise<Agent>((resolve) => this.#starting.push(resolve));
    this.#child.stdin?.write(`start ${role} ${service} ${seed}\n`);
    return started;
  }

  /** Sends SIGKILL or SIGTERM. At SIGTERM an agent closes all, checks itself, and exits with 0. */
  end(agent: Agent, signal: 'SIGKILL' | 'SIGTERM'): void {
    agent.terminating = signal === 'SIGKILL';
    process.kill(agent.pid, signal);
  }

  /** Waits for the end of all agents. */
  async gone(agents: readonly Agent[]): Promise<void> {
    await until(
      () => agents.every((agent) => agent.ended !== undefined),
      () =>
        agents
          .filter((agent) => agent.ended === undefined)
          .map((agent) => `agent ${agent.role} ${agent.pid}: ${processState(agent.pid)}`)
          .join('; '),
    );
  }

  async close(): Promise<void> {
    this.#child.stdin?.end();
    await until(
      () => this.#exitStatus !== undefined,
      () => `the nursery (${this.pid}) does not end: ${processState(this.pid)}`,
    );
  }

  #onLine(line: string): void {
    const [word, pidText, ...rest] = line.split(' ');
    const pid = Number(pidText);
    const agent = this.agents.get(pid);
    switch (word) {
      case 'started': {
        const [role, service] = rest as [AgentRole, string];
        const started = { pid, role, service: Number(service), answers: 0, terminating: false };
        this.agents.set(pid, started);
        this.#starting.shift()?.(started);
        break;
      }
      case 'ended': {
        this.agents.delete(pid);
        if (agent === undefined) break;
        agent.ended = rest.join(' ');
        const isExpected = agent.terminating
          ? agent.ended === 'signal 9'
          : agent.ended === 'exit 0';
        if (!isExpected) this.faults.push(`agent ${agent.role} ${pid} ended: ${agent.ended}`);
        break;
      }
      case 'answers':
        if (agent !== undefined) agent.answers = Number(rest[0]);
        break;
      default:
        this.faults.push(`agent ${agent?.role ?? ''}: ${line}`);
    }
  }
}
