/** Finds and reads the texts to compare. */
import { readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../common/usage-error.js';
import { SourceText } from './place.js';

const HEADER = 'hm_liteipc.h';
const SOURCE = 'hm_liteipc.c';
const FOLDER = 'kernel/extended/liteipc';

/** Size limit for a text. The driver's files have about 60 KB together. */
const BYTES_MAX = 1024 * 1024;

/** The folder of this package's C sources. */
export const NATIVE_FOLDER = fileURLToPath(new URL('../../native/', import.meta.url));

export interface KernelSources {
  readonly header: SourceText;
  /** `undefined` if the caller named only a header. */
  readonly source: SourceText | undefined;
}

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'it does not exist',
    ENOTDIR: 'a part of the path is no folder',
    EACCES: 'it may not be read',
    EISDIR: 'it is a folder',
    ELOOP: 'its links lead nowhere',
  };
  return reasons[code] ?? (error instanceof Error ? error.message : String(error));
}

/** Reads a C text. Throws {@link UsageError} if it cannot be one. */
export function readSource(path: string): SourceText {
  let bytes: Buffer;
  try {
    const facts = statSync(path);
    if (facts.isDirectory()) throw Object.assign(new Error('folder'), { code: 'EISDIR' });
    if (!facts.isFile()) throw new Error('it is no regular file');
    if (facts.size > BYTES_MAX) throw new Error(`it has more than ${BYTES_MAX / 1024 / 1024} MiB`);
    bytes = readFileSync(path);
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${reason(error)}`);
  }
  if (bytes.includes(0)) throw new UsageError(`${path} is not C: it has binary data`);
  const text = new TextDecoder('utf-8').decode(bytes);
  if (text.trim() === '') throw new UsageError(`${path} is empty`);
  return new SourceText(path, text);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${reason(error)}`);
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function readFolder(path: string): KernelSources {
  const folders = [join(path, FOLDER), join(path, 'extended/liteipc'), path];
  const folder = folders.find((each) => exists(join(each, HEADER)) || exists(join(each, SOURCE)));
  if (folder === undefined) {
    throw new UsageError(
      `${path} has no ${FOLDER}/${HEADER}: give the path to kernel_liteos_a, or to the files`,
    );
  }
  for (const name of [HEADER, SOURCE]) {
    if (exists(join(folder, name))) continue;
    const remedy = name === SOURCE ? ` To compare the header alone, give the path to it.` : '';
    throw new UsageError(`${join(folder, name)} is missing.${remedy}`);
  }
  return { header: readSource(join(folder, HEADER)), source: readSource(join(folder, SOURCE)) };
}

/**
 * Reads the kernel's header and source. `paths` is one folder (the kernel's, or the one with the
 * files), one header, or a header and a source in any order. Throws {@link UsageError}.
 */
export function readKernelSources(paths: readonly string[]): KernelSources {
  const [first, second] = paths;
  if (first === undefined || paths.length > 2) {
    throw new UsageError('one folder is needed, or a header and a source');
  }
  if (second === undefined && isFolder(first)) return readFolder(first);
  const headers = paths.filter((path) => !basename(path).endsWith('.c'));
  const [header] = headers;
  if (header === undefined || headers.length > 1) {
    const problem = header === undefined ? 'no header' : 'more than one header';
    throw new UsageError(`${paths.join(' and ')}: ${problem}; sources are those that end in .c`);
  }
  const source = paths.find((path) => path !== header);
  return {
    header: readSource(header),
    source: source === undefined ? undefined : readSource(source),
  };
}
