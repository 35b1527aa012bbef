/** The contract of the demo's service; both sides import this file. */
import { defineService, method } from 'liteipc';

/** The facts that the service reports about a text file. */
export interface FileReport {
  readonly name: string;
  readonly bytes: number;
  readonly lines: number;
  readonly sha256: string;
}

export const TextFiles = defineService('text-files', {
  /** Takes the next part of a file and returns the number of bytes taken so far. */
  add: method<{ readonly name: string; readonly part: Uint8Array }, number>(),
  /** Ends a file and returns its report. */
  finish: method<string, FileReport>(),
  /** Adds two numbers: a small call for measurements. */
  sum: method<readonly [number, number], number>(),
});

/** Bytes of a file that go into one message, whose limit is 64 KiB. */
export const PART_SIZE = 48 * 1024;
