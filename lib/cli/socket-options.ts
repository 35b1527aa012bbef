/** Reads `--socket-mode` and `--socket-group`: the users that may connect to a domain. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { InvalidArgumentError } from 'commander';
import { UsageError } from '../common/usage-error.js';

const GID_MAX = 0xffff_fffe;
const execute = promisify(execFile);

/** Parses the value of `--socket-mode`. */
export function readSocketMode(text: string): number {
  const mode = /^0?[0-7]{3}$/.test(text) ? Number.parseInt(text, 8) : 0;
  if ((mode & 0o600) === 0o600) return mode;
  throw new InvalidArgumentError(
    'Expected an octal mode that permits the owner to read and write, such as 660.',
  );
}

async function groupLine(name: string): Promise<string | undefined> {
  // The file alone does not list groups of a directory service. Without getent there is no other
  // source.
  const text = await execute('getent', ['group', name]).then(
    ({ stdout }) => stdout,
    () => readFileSync('/etc/group', 'utf8'),
  );
  return text.split('\n').find((line) => line.startsWith(`${name}:`));
}

/**
 * Returns the ID of a group given by name or number. This process must be able to give a file to
 * the group.
 */
async function findGroup(command: string, group: string): Promise<number> {
  const number = /^\d+$/.test(group) ? group : (await groupLine(group))?.split(':')[2];
  const gid = Number(number);
  if (number === undefined || !(gid <= GID_MAX)) {
    throw new UsageError(`${command}: there is no group "${group}"`);
  }
  const own = [process.getegid?.(), ...(process.getgroups?.() ?? [])];
  if (process.geteuid?.() !== 0 && !own.includes(gid)) {
    throw new UsageError(
      `${command}: this user is not a member of the group "${group}"; only root may assign a socket to any group`,
    );
  }
  return gid;
}

/** Returns the options of {@link ServiceManager.start}. A group alone admits its members. */
export async function socketOptions(
  command: string,
  domain: string,
  { socketMode, socketGroup }: { readonly socketMode?: number; readonly socketGroup?: string },
): Promise<{ socketMode?: number; socketGid?: number }> {
  if (socketMode === undefined && socketGroup === undefined) return {};
  if (!domain.startsWith('/')) {
    throw new UsageError(
      `${command}: --socket-mode and --socket-group require a domain with an absolute path: the folder of ` +
        'named domains is not accessible to other users',
    );
  }
  if (socketGroup === undefined) return { socketMode: socketMode as number };
  return {
    socketMode: socketMode ?? 0o660,
    socketGid: await findGroup(command, socketGroup),
  };
}
