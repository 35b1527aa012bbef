/**
 * Implements the client side of all Node benchmarks: keeps N calls in flight over a Peer, checks
 * every answer, and prints one line of JSON for each N.
 *
 * The time of a call runs from before `call` to the continuation of its promise. With one call in
 * flight the clock is read once per call. With more, only each 16th call of every chain is timed,
 * so that the result does not measure the clock.
 */
import { parseArgs } from 'node:util';
import { allowedCpus, type Cpu } from './pinning.js';
import type { Peer } from './question.js';

export interface HarnessOptions {
  readonly inFlight: readonly number[];
  readonly milliseconds: number;
  readonly serverCpu: Cpu;
  /** Variant of the program; each program defines its own. */
  readonly variant: string;
}

/** One line of output. Times are in ns. */
export interface CallResult {
  readonly measure: 'call';
  readonly inFlight: number;
  readonly count: number;
  readonly perSecond: number;
  readonly medianNs: number;
  readonly p99Ns: number;
  readonly clientCpus: string;
  readonly serverCpus: string;
}

const WARM_UP_PART = 0.5;
const SAMPLE_EVERY = 16;
const NS_PER_MS = 1e6;

class Samples {
  readonly #values: number[] = [];

  add(milliseconds: number): void {
    this.#values.push(milliseconds);
  }

  quantilesNs(fractions: readonly number[]): number[] {
    const sorted = Float64Array.from(this.#values).sort();
    return fractions.map((fraction) => {
      const index = Math.min(sorted.length - 1, Math.floor(fraction * sorted.length));
      return (sorted[index] ?? Number.NaN) * NS_PER_MS;
    });
  }
}

interface Run {
  readonly count: number;
  readonly elapsedMs: number;
  readonly samples: Samples;
}

async function run(peer: Peer, inFlight: number, milliseconds: number): Promise<Run> {
  const every = inFlight === 1 ? 1 : SAMPLE_EVERY;
  const samples = new Samples();
  const start = performance.now();
  const end = start + milliseconds;
  let count = 0;
  let id = 0;
  let running = true;

  async function chain(): Promise<void> {
    let called = performance.now();
    for (let turn = 1; running; turn++) {
      const a = id % 1000;
      const question = { id: ++id, a, b: 0.5 };
      const timed = turn % every === 0;
      if (timed && every > 1) {
        called = performance.now();
      }
      const reply = await peer.call(question);
      if (reply.id !== question.id || reply.sum !== a + 0.5) {
        throw new Error(`wrong answer to call ${question.id}: ${JSON.stringify(reply)}`);
      }
      count++;
      if (timed) {
        const now = performance.now();
        samples.add(now - called);
        called = now;
        running = now < end;
      }
    }
  }

  await Promise.all(Array.from({ length: inFlight }, chain));
  return { count, elapsedMs: performance.now() - start, samples };
}

async function measure(peer: Peer, inFlight: number, milliseconds: number): Promise<CallResult> {
  await run(peer, inFlight, milliseconds * WARM_UP_PART);
  const { count, elapsedMs, samples } = await run(peer, inFlight, milliseconds);
  const [medianNs = Number.NaN, p99Ns = Number.NaN] = samples.quantilesNs([0.5, 0.99]);
  return {
    measure: 'call',
    inFlight,
    count,
    perSecond: (count / elapsedMs) * 1000,
    medianNs,
    p99Ns,
    clientCpus: allowedCpus(),
    serverCpus: peer.serverCpus,
  };
}

/** Parses the command line that all Node benchmark programs share. */
export function harnessOptions(variants: readonly string[]): HarnessOptions {
  const { values } = parseArgs({
    options: {
      'in-flight': { type: 'string', default: '1,64' },
      milliseconds: { type: 'string', default: '400' },
      'server-cpu': { type: 'string', default: 'any' },
      variant: { type: 'string', default: variants[0] ?? '' },
    },
  });
  const inFlight = values['in-flight'].split(',').map(Number);
  const milliseconds = Number(values.milliseconds);
  if (!inFlight.every((calls) => Number.isInteger(calls) && calls > 0) || !(milliseconds > 0)) {
    throw new TypeError('--in-flight takes counts like 1,64 and --milliseconds a positive number');
  }
  if (variants.length > 0 && !variants.includes(values.variant)) {
    throw new TypeError(`--variant is one of ${variants.join(', ')}`);
  }
  return { inFlight, milliseconds, serverCpu: values['server-cpu'], variant: values.variant };
}

/** Measures a peer with each number of calls in flight, prints the results and closes the peer. */
export async function measurePeer(peer: Peer, options: HarnessOptions): Promise<void> {
  for (const inFlight of options.inFlight) {
    const result = await measure(peer, inFlight, options.milliseconds);
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
  await peer.close();
}
