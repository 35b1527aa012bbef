/** What the demo's service offers. Both sides import this file: it is all they have in common. */
import { defineService, method } from 'liteipc';

/** What the service finds out about a text file. */
export interface FileReport {
  readonly name: string;
  readonly bytes: number;
  readonly lines: number;
  readonly sha256: string;
}

export const TextFiles = defineService('text-files', {
  /** Takes the next part of a file; gives the number of bytes taken so far. */
  add: method<{ readonly name: string; readonly part: Uint8Array }, number>(),
  /** The file is complete. */
  finish: method<string, FileReport>(),
  /** The smallest thing worth calling, for measuring. */
  sum: method<readonly [number, number], number>(),
});

/** Bytes of a file that go into one message, whose limit is 64 KiB. */
export const PART_SIZE = 48 * 1024;
