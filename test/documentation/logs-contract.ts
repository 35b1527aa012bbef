/** The contract of the log files of docs/calls.md. */
import { readFileSync } from 'node:fs';
import { defineService, method } from 'liteipc';

export const Logs = defineService('logs', {
  count: method<{ pattern: string }, number>(),
  latest: method(),
});

/** Returns the number of lines of an open file that contain the pattern. */
export function countMatches(fd: number, pattern: string): number {
  return readFileSync(fd, 'utf8')
    .split('\n')
    .filter((line) => line.includes(pattern)).length;
}
