/** Calls without end, as a participant of the torture test does until it is killed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openDevice, type Client, type ClientOf, type Device } from 'liteipc';
import type { LoadOptions, LoadProgress } from './participant-commands.js';
import { workService } from './work.js';
import { scaled } from './deadlines.js';

type WorkClient = ClientOf<ReturnType<typeof workService>>;

/** Errors of calls that kills of other participants may cause. All others are faults. */
const mayHappen: ReadonlySet<string> = new Set(['ENOENT', 'EPIPE', 'ENODEV']);
/** Number of concurrent calls. */
const STRANDS = 4;
/** Maximum duration of a call, ms: longer than its time limit. */
const CALL_MAX_MS = scaled(8000);
/** Maximum time, ms, without a domain, or with a name that belongs to a terminated process. */
const ABSENCE_MAX_MS = scaled(30_000);
const FAULTS_MAX = 10;

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? String(error);
}

/** Repeats an action that fails for a temporary reason. */
async function insist<T>(action: () => Promise<T>, passing: readonly string[]): Promise<T> {
  const deadline = performance.now() + ABSENCE_MAX_MS;
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!passing.includes(codeOf(error)) || performance.now() > deadline) throw error;
    }
    await sleep(5);
  }
}

/** A device with services, and with calls of other services until `stopCalls`. */
export class Load {
  readonly #options: LoadOptions;
  readonly #clients = new Map<string, WorkClient>();
  readonly #faults: string[] = [];
  readonly #failures: Record<string, number> = {};
  #device: Device | undefined;
  #answers = 0;
  #stopped = false;
  #strands: Promise<void>[] = [];
  #random: number;
  /** Start times of the calls in flight. */
  readonly #inFlight = new Map<symbol, number>();

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#random = options.seed >>> 0;
  }

  /** Resolves when the services are exposed and the calls have begun. */
  async start(): Promise<void> {
    const { domain, serve, call } = this.#options;
    const device = await insist(() => openDevice({ domain }), ['ENODEV']);
    this.#device = device;
    device.on('exposeFailed', (error) => {
      // The name of a terminated process is free when the manager knows; the test kills faster.
      this.#fault(`not exposed again: ${error.message}`);
    });
    for (const name of serve) await this.#expose(device, name);
    if (call.length > 0) this.#strands = Array.from({ length: STRANDS }, () => this.#strand());
  }

  async #expose(device: Device, name: string): Promise<void> {
    const nothing = (): void => undefined;
    await insist(
      () =>
        device.expose(workService(name), {
          echo: (value) => value,
          who: (_input, { caller }) => caller,
          add: ([left, right]) => left + right,
          wait: (milliseconds) =>
            new Promise((resolve) => setTimeout(resolve, milliseconds, `after ${milliseconds}`)),
          hold: nothing,
          held: () => 0,
          block: nothing,
          fail: nothing,
          note: nothing,
          received: () => ({ count: 0, disorder: 0 }),
        }),
      ['ENODEV', 'EEXIST', 'EPIPE'],
    );
  }

  get progress(): LoadProgress {
    const now = performance.now();
    const stuck = [...this.#inFlight]
      .filter(([, beganAt]) => now - beganAt > CALL_MAX_MS)
      .map(([about, beganAt]) => `${about.description ?? ''} for ${Math.round(now - beganAt)} ms`);
    return {
      answers: this.#answers,
      failures: { ...this.#failures },
      faults: [...this.#faults, ...stuck.map((about) => `a call hangs: ${about}`)],
      poolNodes: this.#device?.counters()['poolNodes'] ?? 0,
      pendingCalls: this.#device?.pendingCalls ?? 0,
      connected: this.#device?.connected ?? false,
    };
  }

  /** Ends the calls; the services and the device remain. */
  async stopCalls(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#strands);
  }

  /** Calls each of these services several times; rejects if an answer is wrong. */
  async verify(services: readonly string[], times: number): Promise<void> {
    for (const name of services) {
      const client = await insist(() => this.#clientOf(name), ['ENODEV', 'ENOENT', 'EPIPE']);
      for (let round = 0; round < times; round++) {
        const text = this.#text();
        if ((await client.echo(text)) !== text) throw new Error(`${name} returned another text`);
      }
    }
  }

  async close(): Promise<void> {
    await this.stopCalls();
    await this.#device?.close();
  }

  #fault(text: string): void {
    if (this.#faults.length < FAULTS_MAX) this.#faults.push(text);
  }

  /** Returns a number from 0 to limit - 1, derived from the seed. */
  #next(limit: number): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#random / 2 ** 32) * limit);
  }

  #text(): string {
    const lengths = [0, 1, 20, 31, 32, 100, 255, 256, 5000, 30_000];
    return String.fromCharCode(97 + this.#next(26)).repeat(lengths[this.#next(10)] ?? 0);
  }

  async #clientOf(name: string): Promise<WorkClient> {
    const known = this.#clients.get(name);
    if (known !== undefined) return known;
    if (this.#device === undefined) throw new Error('there is no device');
    const client: Client = await this.#device.service(workService(name));
    this.#clients.set(name, client as WorkClient);
    return client as WorkClient;
  }

  async #strand(): Promise<void> {
    const { call } = this.#options;
    while (!this.#stopped) {
      const name = call[this.#next(call.length)] ?? '';
      const about = Symbol(`call of ${name}`);
      this.#inFlight.set(about, performance.now());
      try {
        const client = await this.#clientOf(name);
        const text = this.#text();
        if ((await client.echo(text)) !== text) this.#fault(`${name} returned another text`);
        else this.#answers += 1;
      } catch (error) {
        const code = codeOf(error);
        this.#failures[code] = (this.#failures[code] ?? 0) + 1;
        if (!mayHappen.has(code)) this.#fault(`call of ${name}: ${String(error)}`);
        await sleep(1 + this.#next(5));
      } finally {
        this.#inFlight.delete(about);
      }
      if (this.#next(8) === 0) await sleep(this.#next(4));
    }
  }
}
