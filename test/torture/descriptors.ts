/** Open descriptors of processes, by what they lead to. */
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

export type DescriptorKinds = Readonly<Record<string, number>>;

/** Lane ends that a thread keeps ready, at most (native/host/control_message.h). */
const LANE_ENDS_MAX = 64;

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return 'closed meanwhile';
  }
}

/** E.g. `{ socket: 8, 'anon_inode:[eventfd]': 14 }`. */
export function descriptorsOf(pid: number): DescriptorKinds {
  const folder = `/proc/${pid}/fd`;
  const kinds: Record<string, number> = {};
  for (const name of readdirSync(folder)) {
    const kind = targetOf(join(folder, name)).replace(/:\[\d+\]$/, '');
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  // The folder that was just read; and Node itself reads its own file when a worker thread starts and,
  // if that is terminated just then, leaves it open.
  delete kinds['closed meanwhile'];
  delete kinds[process.execPath];
  return kinds;
}

function growth(before: DescriptorKinds, after: DescriptorKinds): [string, number][] {
  return Object.entries(after).map(([kind, count]) => [kind, count - (before[kind] ?? 0)]);
}

/** What there is more of than before: `1 socket, 2 pipe`; empty if nothing. */
export function grownDescriptors(before: DescriptorKinds, after: DescriptorKinds): string {
  return growth(before, after)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');
}

/**
 * The same, without lane ends in store: a thread that met many senders keeps more ends ready than at
 * first. Each is one memory of cursors and a bell, which the domain, here in the same process, holds too.
 */
export function leakedDescriptors(before: DescriptorKinds, after: DescriptorKinds): string {
  const isEnd = (kind: string): boolean => kind.includes('liteipc-cursors');
  const ends = growth(before, after).find(([kind]) => isEnd(kind))?.[1] ?? 0;
  if (ends > LANE_ENDS_MAX) return grownDescriptors(before, after);
  const allowed = Object.fromEntries(
    Object.entries(after).map(([kind]): [string, number] => {
      const spare = isEnd(kind) ? ends : kind.includes('eventfd') ? 2 * Math.max(0, ends) : 0;
      return [kind, (before[kind] ?? 0) + spare];
    }),
  );
  return grownDescriptors(allowed, after);
}
