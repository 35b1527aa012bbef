/** Reads the header of an executable file without running it. Source: elf(5), execve(2). */
import { closeSync, openSync, readSync } from 'node:fs';

/** The facts about an executable that matter for a preloaded library. */
export type Executable =
  | { readonly kind: 'script'; readonly interpreter: string }
  | { readonly kind: 'other' }
  | {
      readonly kind: 'elf';
      readonly bits: 32 | 64;
      /** The field e_machine of elf.h. */
      readonly machine: number;
      /** Path of the dynamic loader, `/lib64/ld-linux-x86-64.so.2`; `undefined` if static. */
      readonly loader: string | undefined;
    };

/** e_machine of the processors that Node's addon is built for. */
export const machineOf: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };

const HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;
const PROGRAM_HEADERS_MAX = 512;
const PT_INTERP = 3;
const PATH_MAX = 4096;

function readAt(file: number, position: number, size: number): Buffer {
  const buffer = Buffer.alloc(size);
  return buffer.subarray(0, readSync(file, buffer, 0, size, position));
}

function readLoader(file: number, header: Buffer): string | undefined {
  const start = Number(header.readBigUInt64LE(32));
  const size = header.readUInt16LE(54);
  const count = Math.min(header.readUInt16LE(56), PROGRAM_HEADERS_MAX);
  if (size < PROGRAM_HEADER_SIZE || !Number.isSafeInteger(start)) return undefined;
  const table = readAt(file, start, size * count);
  for (let at = 0; at + PROGRAM_HEADER_SIZE <= table.length; at += size) {
    if (table.readUInt32LE(at) !== PT_INTERP) continue;
    const length = Number(table.readBigUInt64LE(at + 32));
    const path = readAt(file, Number(table.readBigUInt64LE(at + 8)), Math.min(length, PATH_MAX));
    const end = path.indexOf(0);
    return path.toString('utf8', 0, end < 0 ? path.length : end);
  }
  return undefined;
}

function describe(file: number): Executable {
  const header = readAt(file, 0, HEADER_SIZE);
  if (header.toString('latin1', 0, 2) === '#!') {
    const line = readAt(file, 2, PATH_MAX).toString('utf8').split('\n', 1)[0] ?? '';
    return { kind: 'script', interpreter: line.trim().split(/[ \t]/, 1)[0] ?? '' };
  }
  const isElf = header.length >= 20 && header.toString('latin1', 0, 4) === '\x7fELF';
  if (!isElf) return { kind: 'other' };
  const isLittle = header[5] === 1;
  const machine = isLittle ? header.readUInt16LE(18) : header.readUInt16BE(18);
  const bits = header[4] === 2 ? 64 : 32;
  const isReadable = bits === 64 && isLittle && header.length === HEADER_SIZE;
  return { kind: 'elf', bits, machine, loader: isReadable ? readLoader(file, header) : undefined };
}

/** Reads a file. Throws the errors of opening and reading it. */
export function readExecutable(path: string): Executable {
  const file = openSync(path, 'r');
  try {
    return describe(file);
  } finally {
    closeSync(file);
  }
}
