/** Names of users, as this machine's `/etc/passwd` has them. */
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
    // Then nobody has a name.
  }
  for (const line of text.split('\n')) {
    const [name = '', , uid = '', gid = ''] = line.split(':');
    if (/^\d+$/.test(uid) && /^\d+$/.test(gid) && !known.has(Number(uid))) {
      known.set(Number(uid), { name, gid: Number(gid) });
    }
  }
  return known;
}

/** The name of a user; undefined if it has none here. */
export function userName(uid: number): string | undefined {
  return users().get(uid)?.name;
}

/** The primary group of a user; undefined if it is not known. */
export function userGroup(uid: number): number | undefined {
  return users().get(uid)?.gid;
}
