// Decides which targets must be rebuilt: compares a time stamp of each target with its newest
// input.
import { existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './run.mjs';

function newest(path) {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) return 0;
  if (!status.isDirectory()) return status.mtimeMs;
  // The time of the folder changes when an entry is added, removed or renamed.
  return readdirSync(path).reduce(
    (time, entry) => Math.max(time, newest(join(path, entry))),
    status.mtimeMs,
  );
}

function stampPath(target) {
  return join(root, 'out/stamps', target);
}

/**
 * Returns whether the target was built after the last change of its inputs and its output exists.
 */
export function isFresh(target, inputs, output) {
  const stamp = statSync(stampPath(target), { throwIfNoEntry: false });
  if (stamp === undefined || !existsSync(join(root, output))) return false;
  return inputs.every((input) => newest(join(root, input)) <= stamp.mtimeMs);
}

/**
 * Marks a target as built. The stamp has the time of the build's start, so that later changes are
 * rebuilt.
 */
export function markFresh(target, startedAt) {
  const path = stampPath(target);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '');
  utimesSync(path, startedAt, startedAt);
}
