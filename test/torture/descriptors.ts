/** Compares the open descriptors of processes by their kinds. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

export type DescriptorKinds = Readonly<Record<string, number>>;

/** Maximum number of idle lane ends of a thread (native/control/message.h). */
const LANE_ENDS_MAX = 64;

/** Descriptors that were closed after their names were read, such as that of the folder. */
const GONE = 'closed meanwhile';

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return GONE;
  }
}

/**
 * Returns the number of descriptors of each kind, such as `{ socket: 8, pipe: 14 }`. Node's own
 * file is omitted: V8 opens it when a thread starts, and a process that is spawned at that moment
 * inherits it; a module that msgpackr loads (detect-libc) closes it asynchronously, which never
 * happens in a worker thread that is terminated while it loads modules.
 */
export function descriptorsOf(pid: number): DescriptorKinds {
  const folder = `/proc/${pid}/fd`;
  const kinds: Record<string, number> = {};
  for (const name of readdirSync(folder)) {
    const kind = targetOf(join(folder, name)).replace(/:\[\d+\]$/, '');
    if (kind !== GONE && kind !== process.execPath) kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

/** Returns each descriptor of these kinds with its entry in /proc. */
function details(pid: number, kinds: readonly string[]): string {
  const folder = `/proc/${pid}`;
  return readdirSync(join(folder, 'fd'))
    .filter((name) => kinds.some((kind) => targetOf(join(folder, 'fd', name)).startsWith(kind)))
    .map((name) => {
      const facts = readFileSync(join(folder, 'fdinfo', name), 'utf8');
      return `${name}: ${facts.trim().replace(/\s+/g, ' ')}`;
    })
    .join('; ');
}

function growth(before: DescriptorKinds, after: DescriptorKinds): [string, number][] {
  return Object.entries(after).map(([kind, count]) => [kind, count - (before[kind] ?? 0)]);
}

function listed(grown: readonly [string, number][]): string {
  return grown.map(([kind, count]) => `${count} ${kind}`).join(', ');
}

/** Returns the additional descriptors of a process: `1 socket (17: pos: 0 ...)`, or nothing. */
export function grownDescriptors(before: DescriptorKinds, pid: number): string {
  const grown = growth(before, descriptorsOf(pid)).filter(([, count]) => count > 0);
  if (grown.length === 0) return '';
  const kinds = grown.map(([kind]) => kind);
  return `${listed(grown)} (${details(pid, kinds)})`;
}

function isEnd(kind: string): boolean {
  return kind.includes('liteipc-cursors');
}

/** Returns the number of additional idle lane ends; each has 4 descriptors. */
export function moreSpareEnds(before: DescriptorKinds, after: DescriptorKinds): number {
  const ends = growth(before, after).find(([kind]) => isEnd(kind))?.[1] ?? 0;
  return Math.min(Math.max(0, ends), LANE_ENDS_MAX);
}

/**
 * Returns the additional descriptors without those of idle lane ends: a thread with many senders
 * has more idle ends than at first. Each end is one memory of cursors and a bell; the domain, here
 * in the same process, has both ends of the pipe and the thread has one.
 */
export function leakedDescriptors(before: DescriptorKinds, pid: number): string {
  const after = descriptorsOf(pid);
  const spare = moreSpareEnds(before, after);
  const allowed = Object.entries(after).map(([kind]): [string, number] => {
    const more = isEnd(kind) ? spare : kind === 'pipe' ? 3 * spare : 0;
    return [kind, (before[kind] ?? 0) + more];
  });
  return grownDescriptors(Object.fromEntries(allowed), pid);
}
