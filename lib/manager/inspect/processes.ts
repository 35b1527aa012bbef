/** Lists the processes of a domain. */
import { closeSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import type { NativeDevice, NativeTaskInfo } from '../../../types/native.js';

/** Task IDs are less than this in every profile. */
const TASK_LIMIT = 4096;
const COMMAND_MAX = 4096;
const PROGRAM_MAX = 100;

/** Returns one task of every living LiteIPC process. */
export function livingProcesses(native: NativeDevice): NativeTaskInfo[] {
  const found = new Map<number, NativeTaskInfo>();
  for (let task = 1; task < TASK_LIMIT; task++) {
    const info = native.query(task);
    if (info?.alive === true && !found.has(info.processId)) found.set(info.processId, info);
  }
  return [...found.values()].sort((left, right) => left.processId - right.processId);
}

function readCommand(pid: number): string[] {
  const file = openSync(`/proc/${pid}/cmdline`, 'r');
  try {
    const buffer = Buffer.alloc(COMMAND_MAX);
    const size = readSync(file, buffer, 0, COMMAND_MAX, 0);
    return buffer.toString('utf8', 0, size).split('\0');
  } finally {
    closeSync(file);
  }
}

/**
 * Returns the program of a process, reduced to file names because arguments may hold secrets: `node
 * shop.js`, `my-service`. The process chooses this text, so it must not be trusted. Returns
 * undefined if /proc does not permit it.
 */
export function programOf(pid: number): string | undefined {
  try {
    const [program = '', ...args] = readCommand(pid);
    if (program === '') return undefined;
    const name = basename(program);
    const isInterpreter = /^(node|bun|deno|python[\d.]*|perl|ruby|sh|bash)$/.test(name);
    const script = isInterpreter
      ? args.find((arg) => arg !== '' && !arg.startsWith('-'))
      : undefined;
    const text = script === undefined ? name : `${name} ${basename(script)}`;
    return text.slice(0, PROGRAM_MAX);
  } catch {
    return undefined;
  }
}
