// Decides what must be built again: a stamp per target, compared with the newest of its inputs.
import { existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './run.mjs';

function newest(path) {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) return 0;
  if (!status.isDirectory()) return status.mtimeMs;
  // The folder's own time changes when an entry is added, removed or renamed.
  return readdirSync(path).reduce(
    (time, entry) => Math.max(time, newest(join(path, entry))),
    status.mtimeMs,
  );
}

function stampPath(target) {
  return join(root, 'out/stamps', target);
}

/** True if the target was built after its inputs' last change and its output is still there. */
export function isFresh(target, inputs, output) {
  const stamp = statSync(stampPath(target), { throwIfNoEntry: false });
  if (stamp === undefined || !existsSync(join(root, output))) return false;
  return inputs.every((input) => newest(join(root, input)) <= stamp.mtimeMs);
}

/** Marks a target as built. The stamp bears the build's start: later changes are built again. */
export function markFresh(target, startedAt) {
  const path = stampPath(target);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '');
  utimesSync(path, startedAt, startedAt);
}
