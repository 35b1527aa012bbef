/**
 * Pins processes and threads to CPUs.
 *
 * `taskset` pins a process before it starts, so all its threads (also those of V8 and libuv) share
 * the CPU. A worker thread reports its kernel thread id, and `taskset` moves that thread.
 */
import { spawn, execFileSync, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** A CPU number as text, or `any` for not pinned. */
export type Cpu = string;

/** Starts this Node executable on a CPU. */
export function spawnNode(cpu: Cpu, args: readonly string[], options: SpawnOptions): ChildProcess {
  return cpu === 'any'
    ? spawn(process.execPath, args, options)
    : spawn('taskset', ['-c', cpu, process.execPath, ...args], options);
}

/** Returns the kernel thread id of the calling thread. */
export function ownThreadId(): number {
  return Number(basename(readlinkSync('/proc/thread-self')));
}

/** Moves one thread to a CPU. */
export function pinThread(threadId: number, cpu: Cpu): void {
  if (cpu !== 'any') {
    execFileSync('taskset', ['-c', '-p', cpu, String(threadId)], { stdio: 'ignore' });
  }
}

/** Returns the CPUs that a thread (default: the calling one) may run on, in the format of Linux. */
export function allowedCpus(threadId?: number): string {
  const path = threadId === undefined ? '/proc/thread-self/status' : `/proc/${threadId}/status`;
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync(path, 'utf8'))?.[1];
  if (list === undefined) {
    throw new Error(`${path} does not contain the allowed CPUs of the thread`);
  }
  return list;
}
