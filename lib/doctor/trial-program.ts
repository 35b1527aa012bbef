/**
 * Makes a private domain in the directory that the first argument names, and calls itself in it.
 * Success proves that everything LiteIPC needs works. This is a separate program, because a fault
 * may end or block it. Each line of its output is a {@link TrialLine}.
 */
import { writeFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineService, method } from '../contract/contract.js';
import { openDevice } from '../device/device.js';
import { ServiceManager } from '../manager/manager.js';
import { findAddon, loadNativeBinding } from '../native/binding.js';
import { sayLine } from './probe.js';

/** The steps of the trial, in order. */
export type TrialStep = 'addon' | 'domain' | 'service' | 'call' | 'file' | 'end';

/** One line of the output: a step that succeeded. */
export interface TrialLine {
  readonly step: TrialStep;
  /** addon: its path. */
  readonly path?: string;
  /** call: duration of the last of several calls, µs. */
  readonly microseconds?: number;
}

const say = (line: TrialLine): void => sayLine(line);

/** Number of calls; the first ones are slow. */
const CALLS = 100;
const Trial = defineService('trial', {
  add: method<readonly [number, number], number>(),
  read: method<void, string>(),
});

async function tryIt(folder: string): Promise<void> {
  const path = findAddon();
  loadNativeBinding();
  say({ step: 'addon', path });

  await using manager = await ServiceManager.start({ domain: join(folder, 'trial.sock') });
  say({ step: 'domain' });

  await using service = await openDevice({ domain: manager.path });
  await service.expose(Trial, {
    add: ([left, right]) => left + right,
    read: (_, call) => readFile(`/proc/self/fd/${call.files[0]?.fd ?? -1}`, 'utf8'),
  });
  await using client = await openDevice({ domain: manager.path });
  const trial = await client.service(Trial);
  say({ step: 'service' });

  let microseconds = 0;
  for (let number = 0; number < CALLS; number++) {
    const before = performance.now();
    const sum = await trial.add([number, 1]);
    microseconds = Math.round((performance.now() - before) * 1000);
    if (sum !== number + 1) throw new Error(`${number} and 1 came to ${sum}`);
  }
  say({ step: 'call', microseconds });

  const file = join(folder, 'file');
  writeFileSync(file, 'arrived');
  await using handle = await open(file);
  const content = await trial.read(undefined, { files: [handle] });
  if (content !== 'arrived') throw new Error('an open file arrived as another');
  say({ step: 'file' });
}

const [, , folder = ''] = process.argv;
await tryIt(folder);
say({ step: 'end' });
