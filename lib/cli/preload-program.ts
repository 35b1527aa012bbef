/**
 * Finds the program that `liteipc run` was given, and the build of the device shim that fits it.
 */
import { accessSync, constants, statSync, type Stats } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { machineOf, readExecutable } from './elf.js';
import { UsageError } from '../common/usage-error.js';

/** A script may name a script as its interpreter. Linux follows this many. */
const INTERPRETERS_MAX = 5;

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Returns the file that a shell would run for this name. Throws a {@link UsageError} if there is
 * none.
 */
export function findProgram(name: string, searchPath = process.env['PATH'] ?? ''): string {
  if (name.includes('/')) {
    const path = resolve(name);
    if (isExecutable(path)) return path;
    let facts: Stats;
    try {
      facts = statSync(path);
    } catch {
      throw new UsageError(`run: there is no program ${name}`);
    }
    const what = facts.isFile() ? 'is not executable by this user' : 'is not a file';
    throw new UsageError(`run: ${name} ${what}`);
  }
  const found = searchPath
    .split(delimiter)
    .map((folder) => join(folder === '' ? '.' : folder, name))
    .find(isExecutable);
  if (name === '' || found === undefined) throw new UsageError(`run: no program "${name}" in PATH`);
  return resolve(found);
}

/**
 * Rejects programs that run with another user's or group's rights, because Linux ignores LD_PRELOAD
 * for them.
 */
function checkRights(path: string): void {
  const { mode, uid, gid } = statSync(path);
  const isOther =
    ((mode & 0o4000) !== 0 && uid !== process.geteuid?.()) ||
    ((mode & 0o2010) === 0o2010 && gid !== process.getegid?.());
  if (isOther) {
    throw new UsageError(
      `run: ${path} runs with the rights of another user or group (setuid, setgid): ` +
        'the system ignores preloaded libraries for such programs',
    );
  }
}

/** Returns the libc of this Node, and therefore of `liteipc_preload.so`. */
function ownLibc(): 'glibc' | 'musl' {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

/**
 * Returns the name of the shim's build for this program. Throws a {@link UsageError} with the
 * reason for programs that cannot use it: static programs, programs for other processors, and
 * programs with another user's rights.
 */
export function chooseShim(program: string): string {
  let path = program;
  for (let depth = 0; depth < INTERPRETERS_MAX; depth++) {
    checkRights(path);
    const file = readExecutable(path);
    if (file.kind === 'other') {
      throw new UsageError(`run: ${path} is neither an ELF program nor a script with a "#!" line`);
    }
    if (file.kind === 'script') {
      if (!isExecutable(file.interpreter)) {
        throw new UsageError(
          `run: ${path} names the interpreter "${file.interpreter}", which cannot be run`,
        );
      }
      path = file.interpreter;
      continue;
    }
    if (file.bits !== 64) {
      throw new UsageError(`run: ${path} is a 32-bit program; the device shim is 64-bit only`);
    }
    if (file.machine !== machineOf[process.arch]) {
      throw new UsageError(`run: ${path} is for another processor than this one (${process.arch})`);
    }
    if (file.loader === undefined) {
      throw new UsageError(
        `run: ${path} is statically linked, so nothing can be preloaded; link it dynamically`,
      );
    }
    const libc = file.loader.includes('ld-musl') ? 'musl' : 'glibc';
    if (libc === ownLibc()) return 'liteipc_preload.so';
    if (libc === 'musl') return 'liteipc_preload_musl.so';
    throw new UsageError(`run: ${path} is a glibc program, and this build of liteipc is for musl`);
  }
  throw new UsageError(`run: ${program}: too many nested script interpreters`);
}
