/**
 * Sends a big file to another process in two ways: as an open file, which is not copied, and as
 * bytes, in memory that both processes map. service.ts is the service.
 */
import { fork } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceManager, openDevice } from 'liteipc';
import { Digests } from './contract.js';

const MEBIBYTE = 2 ** 20;
const megabytes = 64;
const timeoutMs = 60_000;

const folder = mkdtempSync(join(tmpdir(), 'liteipc-big-files-'));
try {
  const path = join(folder, 'file');
  const content = randomFillSync(Buffer.alloc(megabytes * MEBIBYTE));
  writeFileSync(path, content);
  const expected = createHash('sha256').update(content).digest('hex');
  const check = (what: string, digest: string): void => {
    console.log(`${what}: ${digest === expected ? 'the right digest' : `WRONG: ${digest}`}`);
    if (digest !== expected) process.exitCode = 1;
  };

  await using manager = await ServiceManager.start({ domain: `big-files-${process.pid}` });
  const service = fork(new URL('./service.js', import.meta.url), [manager.domain]);
  await once(service, 'message');
  await using device = await openDevice({ domain: manager.domain });
  const digests = await device.service(Digests);

  await using file = await open(path);
  const digest = await digests.ofFile(undefined, { files: [file], timeoutMs });
  check(`${megabytes} MiB as an open file`, digest);
  check(`${megabytes} MiB as bytes`, await digests.ofBytes(readFileSync(path), { timeoutMs }));

  const made = await digests.make(8 * MEBIBYTE, { timeoutMs });
  console.log(`${made.length / MEBIBYTE} MiB as a result: ${made[1000]} at 1000`);
  service.disconnect();
  await once(service, 'exit');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
