/** Checks the directory of named domains: whether it is usable, and its contents. */
import { accessSync, constants, lstatSync, readdirSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { failed, ok, warning, type Finding } from './finding.js';
import { SOCKET_PATH_MAX, livenessOf, type RuntimeDirectory } from './socket-path.js';

const CHECK = 'runtime directory';
/** Longest name of a domain, in bytes. */
const NAME_MAX = 64;

const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0');

function checkParent({ path, parent, source }: RuntimeDirectory): Finding {
  try {
    if (!statSync(parent).isDirectory()) {
      return failed(
        CHECK,
        `${parent} (${source}) is not a directory`,
        `set ${source} to a directory`,
      );
    }
    accessSync(parent, constants.W_OK | constants.X_OK);
    return ok(CHECK, `${path} does not exist yet; the first domain creates it`);
  } catch (error) {
    const text = `${path} cannot be created: ${(error as Error).message}`;
    const remedy =
      source === 'XDG_RUNTIME_DIR'
        ? 'log in as this user directly (not with su), set XDG_RUNTIME_DIR to a directory of this user, or unset it'
        : 'set XDG_RUNTIME_DIR to a directory of this user';
    return failed(CHECK, text, remedy);
  }
}

/** Checks that named domains can be made and found. `uid` is the effective user ID. */
export function checkRuntimeDirectory(directory: RuntimeDirectory, uid: number): Finding {
  const { path, source } = directory;
  let facts: Stats | undefined;
  try {
    facts = lstatSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return checkParent(directory);
    return failed(CHECK, (error as Error).message, 'set XDG_RUNTIME_DIR to a directory');
  }
  const means = 'named domains can neither be started nor found (EPERM)';
  if (!facts.isDirectory()) {
    const what = facts.isSymbolicLink() ? 'a symbolic link' : 'not a directory';
    return failed(CHECK, `${path} is ${what}: ${means}`, `remove it: rm ${path}`);
  }
  if (facts.uid !== uid) {
    const text = `${path} belongs to uid ${facts.uid}, not to uid ${uid}: ${means}`;
    return failed(CHECK, text, 'set XDG_RUNTIME_DIR to a directory of this user');
  }
  if ((facts.mode & 0o777) !== 0o700) {
    const text = `${path} has mode ${octal(facts.mode)}, not 0700: ${means}`;
    return failed(
      CHECK,
      text,
      `chmod 700 ${path}; to admit other users, name the domain by an absolute path`,
    );
  }
  const room = SOCKET_PATH_MAX - Buffer.byteLength(join(path, '.sock'));
  if (room < NAME_MAX) {
    const text = `${path} is so long that a domain's name can have at most ${Math.max(room, 0)} characters`;
    const remedy = 'set XDG_RUNTIME_DIR to a shorter path';
    return room < 1 ? failed(CHECK, text, remedy) : warning(CHECK, text, remedy);
  }
  return ok(CHECK, `${path} (by ${source})`);
}

/** Lists the domains in the directory, and the files of domains that did not end cleanly. */
export async function checkDomains({ path }: RuntimeDirectory): Promise<Finding> {
  const check = 'domains';
  let names: string[];
  try {
    names = readdirSync(path).filter((name) => name.endsWith('.sock'));
  } catch {
    return ok(check, 'none');
  }
  const found = await Promise.all(
    names.map(async (name) => ({ name, liveness: await livenessOf(join(path, name)) })),
  );
  const named = (wanted: string): string[] =>
    found.filter(({ liveness }) => liveness === wanted).map(({ name }) => name.slice(0, -5));
  const running = named('listening');
  const stale = named('stale');
  const text = running.length === 0 ? 'none is running' : `running: ${running.join(', ')}`;
  if (stale.length === 0) return ok(check, text);
  const files = stale.map((name) => join(path, `${name}.sock*`)).join(' ');
  return warning(
    check,
    `${text}; left behind by killed servers: ${stale.join(', ')}`,
    `harmless: the next domain of the same name replaces them. To remove them: rm ${files}`,
  );
}
