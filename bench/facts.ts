/** Describes the machine of a run, because figures are meaningful only together with it. */
import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg, release } from 'node:os';
import { runNative, type Cpus } from './execute.js';
import { allowedCpus } from './node/pinning.js';

export interface Facts {
  readonly cpu: string;
  readonly cpuCount: number;
  readonly virtual: boolean;
  readonly architecture: string;
  readonly kernel: string;
  readonly node: string;
  readonly clientCpu: string;
  readonly serverCpu: string;
  /**
   * Round trip of a flag between the two CPUs while both spin; undefined if it was not measured.
   */
  readonly flagNs: number | undefined;
  /** Number of runnable threads, averaged over the minute before the run. */
  readonly load: number;
}

/** Two CPUs with a shorter round trip than this share a physical core. */
export const SIBLINGS_BELOW_NS = 80;
const PROBE_MS = 60;

/** Expands a CPU list of Linux: "0,2-4" becomes 0, 2, 3, 4. */
export function expandCpuList(list: string): number[] {
  return list.split(',').flatMap((part) => {
    const [first = Number.NaN, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** Returns the CPUs that this process may use. */
export function usableCpus(): number[] {
  return expandCpuList(allowedCpus());
}

async function probeFlag(pair: Cpus): Promise<number | undefined> {
  if (pair.client === pair.server) {
    return undefined;
  }
  try {
    const output = await runNative('floor', [], pair, PROBE_MS);
    return (JSON.parse(output) as { medianNs: number }).medianNs;
  } catch {
    return undefined;
  }
}

export async function gatherFacts(pair: Cpus): Promise<Facts> {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? 'unknown',
    cpuCount: all.length,
    virtual: /^flags\s*:.*\bhypervisor\b/m.test(readFileSync('/proc/cpuinfo', 'utf8')),
    architecture: arch(),
    kernel: release(),
    node: process.version,
    clientCpu: pair.client,
    serverCpu: pair.server,
    flagNs: await probeFlag(pair),
    load: loadavg()[0] ?? 0,
  };
}
