/** Locates domains, and finds out whether a server listens, through the file system alone. */
import { lstatSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, isAbsolute, join } from 'node:path';

/** Longest path of a socket in bytes: sockaddr_un.sun_path without its NUL. */
export const SOCKET_PATH_MAX = 107;
/** Suffix of a domain's lock file. */
const LOCK_SUFFIX = '.lock';

/** The directory of named domains. */
export interface RuntimeDirectory {
  readonly path: string;
  /** The directory in which it is made. */
  readonly parent: string;
  /** The variable or rule that determined it. */
  readonly source: string;
}

function absoluteVariable(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = environment[name];
  return value?.startsWith('/') === true ? value : undefined;
}

/** Returns the directory that native/platform/runtime_directory.c chooses. */
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

/** Returns the path of a domain's socket. */
export function socketPath(domain: string, directory: RuntimeDirectory): string {
  return isAbsolute(domain) ? domain : join(directory.path, `${domain}.sock`);
}

/** The state of a socket's path. `stale`: a server ended without removing it. */
export type Liveness = 'listening' | 'stale' | 'absent' | 'denied' | 'foreign' | 'unknown';

/**
 * Connects without disturbing the server. A domain's socket has another type than Node's sockets,
 * so the kernel refuses the connection with one error if a server listens and with another if none
 * does.
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
 * Returns the process that holds the domain's lock. Returns `undefined` if there is none, or if it
 * is not visible, for instance in another PID namespace.
 */
export function serverOf(path: string): number | undefined {
  try {
    const { dev, ino } = lstatSync(path + LOCK_SUFFIX);
    const major = (dev >> 8) & 0xfff;
    const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00);
    const device = [major, minor].map((part) => part.toString(16).padStart(2, '0')).join(':');
    const line = readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .find((each) => each.includes(' FLOCK ') && each.includes(` ${device}:${ino} `));
    const pid = Number(line?.trim().split(/\s+/)[4]);
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Describes the program of a process in a few words. */
export function describeProcess(pid: number): string {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
    return `process ${pid} (${words.length > 200 ? `${words.slice(0, 200)}...` : words})`;
  } catch {
    return `process ${pid}`;
  }
}

/** Returns every directory on the path to a file, the nearest first. */
export function foldersOf(path: string): string[] {
  const folder = dirname(path);
  return folder === path ? [] : [folder, ...foldersOf(folder)];
}
