/**
 * Where processes and threads run.
 *
 * A process is pinned by `taskset` before it starts, so all its threads (also those of V8 and
 * libuv) share the CPU. A worker thread cannot be: it names its own kernel thread, and `taskset`
 * moves that.
 */
import { spawn, execFileSync, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** A CPU number as text, or `any`: not pinned. */
export type Cpu = string;

/** Starts this Node on a CPU. */
export function spawnNode(cpu: Cpu, args: readonly string[], options: SpawnOptions): ChildProcess {
  return cpu === 'any'
    ? spawn(process.execPath, args, options)
    : spawn('taskset', ['-c', cpu, process.execPath, ...args], options);
}

/** The kernel's number of the calling thread. */
export function ownThreadId(): number {
  return Number(basename(readlinkSync('/proc/thread-self')));
}

/** Moves one thread to a CPU. */
export function pinThread(threadId: number, cpu: Cpu): void {
  if (cpu !== 'any') {
    execFileSync('taskset', ['-c', '-p', cpu, String(threadId)], { stdio: 'ignore' });
  }
}

/** The CPUs a thread (default: the calling one) may run on, as Linux lists them. */
export function allowedCpus(threadId?: number): string {
  const path = threadId === undefined ? '/proc/thread-self/status' : `/proc/${threadId}/status`;
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync(path, 'utf8'))?.[1];
  if (list === undefined) {
    throw new Error(`${path} does not say where the thread may run`);
  }
  return list;
}
