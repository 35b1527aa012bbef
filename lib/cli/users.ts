/** Reads the names of users from this machine's `/etc/passwd`. */
import { readFileSync } from 'node:fs';

interface User {
  readonly name: string;
  readonly gid: number;
}

let known: Map<number, User> | undefined;

function users(): Map<number, User> {
  if (known !== undefined) return known;
  known = new Map();
  let text = '';
  try {
    text = readFileSync('/etc/passwd', 'utf8');
  } catch {
    // Without the file, no user has a name.
  }
  for (const line of text.split('\n')) {
    const [name = '', , uid = '', gid = ''] = line.split(':');
    if (/^\d+$/.test(uid) && /^\d+$/.test(gid) && !known.has(Number(uid))) {
      known.set(Number(uid), { name, gid: Number(gid) });
    }
  }
  return known;
}

/** Returns the name of a user, or undefined if the user has none. */
export function userName(uid: number): string | undefined {
  return users().get(uid)?.name;
}

/** Returns the primary group of a user, or undefined if it is not known. */
export function userGroup(uid: number): number | undefined {
  return users().get(uid)?.gid;
}
