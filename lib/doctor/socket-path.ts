/** Where domains lie, and whether a server listens there: by the file system alone. */
import { lstatSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, isAbsolute, join } from 'node:path';

/** Most bytes of a socket's path, sockaddr_un.sun_path without its NUL. */
export const SOCKET_PATH_MAX = 107;
/** What a domain's lock file has after the name of its socket. */
const LOCK_SUFFIX = '.lock';

/** The directory of named domains. */
export interface RuntimeDirectory {
  readonly path: string;
  /** Where it is made. */
  readonly parent: string;
  /** What named it. */
  readonly source: string;
}

function absoluteVariable(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = environment[name];
  return value?.startsWith('/') === true ? value : undefined;
}

/** The directory as native/platform/runtime_directory.c chooses it. */
export function runtimeDirectory(environment: NodeJS.ProcessEnv, uid: number): RuntimeDirectory {
  const runtime = absoluteVariable(environment, 'XDG_RUNTIME_DIR');
  if (runtime !== undefined) {
    return { path: join(runtime, 'liteipc'), parent: runtime, source: 'XDG_RUNTIME_DIR' };
  }
  const temporary = absoluteVariable(environment, 'TMPDIR');
  const parent = temporary ?? '/tmp';
  const source = temporary === undefined ? 'the default' : 'TMPDIR';
  return { path: join(parent, `liteipc-${uid}`), parent, source };
}

/** The path of a domain's socket. */
export function socketPath(domain: string, directory: RuntimeDirectory): string {
  return isAbsolute(domain) ? domain : join(directory.path, `${domain}.sock`);
}

/** What is behind a socket's path. `stale`: a server was there and ended without removing it. */
export type Liveness = 'listening' | 'stale' | 'absent' | 'denied' | 'foreign' | 'unknown';

/**
 * Asks the system without disturbing the server: a domain's socket is of another type than Node's,
 * so it is refused as such where somebody listens, and as nobody's where nobody does.
 */
export function livenessOf(path: string): Promise<Liveness> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve('foreign');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const meanings: Readonly<Record<string, Liveness>> = {
        EPROTOTYPE: 'listening',
        ECONNREFUSED: 'stale',
        ENOENT: 'absent',
        ENOTDIR: 'absent',
        EACCES: 'denied',
      };
      resolve(meanings[String(error.code)] ?? 'unknown');
    });
  });
}

/**
 * The process that holds the domain's lock. Undefined if there is none, or none that can be seen
 * from here: it may be of another process namespace.
 */
export function serverOf(path: string): number | undefined {
  try {
    const { dev, ino } = lstatSync(path + LOCK_SUFFIX);
    const major = (dev >> 8) & 0xfff;
    const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00);
    const place = [major, minor].map((part) => part.toString(16).padStart(2, '0')).join(':');
    const line = readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .find((each) => each.includes(' FLOCK ') && each.includes(` ${place}:${ino} `));
    const pid = Number(line?.trim().split(/\s+/)[4]);
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** The program of a process in a few words. */
export function describeProcess(pid: number): string {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
    return `process ${pid} (${words.length > 200 ? `${words.slice(0, 200)}...` : words})`;
  } catch {
    return `process ${pid}`;
  }
}

/** Every directory on the way to a file, the nearest first. */
export function foldersOf(path: string): string[] {
  const folder = dirname(path);
  return folder === path ? [] : [folder, ...foldersOf(folder)];
}
