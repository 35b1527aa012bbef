/** A program before it exposes a service that reads log files. */
import { readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { ReceivedFile } from 'liteipc';
import { Logs } from './logs-contract.js';
import { check, openShop } from './support.js';

export { Logs, countMatches } from './logs-contract.js';
export const device = await openShop();

/** Checks the service that the block has exposed: it reads a file and returns a file. */
export async function after(): Promise<void> {
  writeFileSync('messages.log', 'one\noom two\nthree oom\n');
  const logs = await device.service(Logs);
  await using file = await open('messages.log');
  check((await logs.count({ pattern: 'oom' }, { files: [file] })) === 2, 'two lines match');
  const files: ReceivedFile[] = [];
  await logs.latest(undefined, { resultFiles: files });
  const [latest] = files;
  check(readFileSync(latest?.fd ?? -1, 'utf8').startsWith('one\n'), 'the file is the latest');
  latest?.close();
}
