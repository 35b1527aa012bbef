/** The processes of a domain, as its manager sees them. */
import { closeSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import type { NativeDevice, NativeTaskInfo } from '../../../types/native.js';

/** Task IDs are below this, in every profile. */
const TASK_LIMIT = 4096;
const COMMAND_MAX = 4096;
const PROGRAM_MAX = 100;

/** One task of every living process, by LiteIPC process. */
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
 * The program of a process by its file names alone, for arguments may hold secrets: `node shop.js`,
 * `my-service`. What the process says of itself: not to be trusted. Undefined if the system does
 * not tell.
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
