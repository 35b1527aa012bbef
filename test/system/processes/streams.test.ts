/**
 * Streams between processes: what a slow reader costs, and what happens when a side dies or loses
 * its right.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import ava, { type ExecutionContext } from 'ava';
import { allow } from 'liteipc';
import { ReportingProgram } from '#test/support/child-program.js';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import type { PeerReport } from '#test/programs/stream-peer.js';

usePrivateRuntime();
const test = ava.serial;
const MIB = 1024 * 1024;

/** Starts a process with one side of a stream. */
const startPeer = (
  t: ExecutionContext,
  role: string,
  domain: string,
): Promise<ReportingProgram<PeerReport>> =>
  ReportingProgram.start(t, 'stream-peer', [role, domain], { execArgv: ['--expose-gc'] });

/**
 * Two batches at the reader, one and an item at the producer, each of at most 32 KiB and one more
 * item.
 */
const AHEAD_MAX = 3 * 33 + 1;
const GROWTH_MAX = 32 * MIB;

for (const [direction, role] of [
  ['stream', 'reader'],
  ['sink', 'writer'],
] as const) {
  test(`a slow reader of an endless ${direction} bounds the memory of both processes`, async (t) => {
    const domain = await startDomain(t);
    const service = await startPeer(t, 'service', domain.name);
    const client = await startPeer(t, role, domain.name);
    const both = async () => {
      const reports = await Promise.all([service.report(), client.report()]);
      const [producer, reader] = direction === 'stream' ? reports : [reports[1], reports[0]];
      return { producer, reader };
    };
    await sleep(500);
    const before = await both();
    for (let round = 0; round < 6; round++) {
      await sleep(400);
      // Asked for together: the producer may go on a little before the reader answers, never more
      // than a batch.
      const { producer, reader } = await both();
      const ahead = producer.produced - reader.read;
      t.true(ahead > 0 && ahead <= AHEAD_MAX + 33, `${ahead} items ahead`);
    }
    const after = await both();
    t.true(after.reader.read - before.reader.read >= 20, String(after.reader.read));
    for (const side of ['producer', 'reader'] as const) {
      const growth = after[side].rss - before[side].rss;
      t.log(
        `${side}: ${(after[side].rss / MIB).toFixed(1)} MiB, ${(growth / MIB).toFixed(2)} more`,
      );
      t.true(growth < GROWTH_MAX, `${side} grew by ${growth} bytes`);
      t.deepEqual(after[side].ended, []);
    }
  });
}

test('the service is killed: the reader gets EPIPE after what has arrived', async (t) => {
  const domain = await startDomain(t);
  const service = await startPeer(t, 'service', domain.name);
  const reader = await startPeer(t, 'reader', domain.name);
  const writer = await startPeer(t, 'writer', domain.name);
  await reader.until(({ read }) => read > 0);
  service.child.kill('SIGKILL');
  const { ended } = await writer.until((report) => report.ended.length === 2);
  t.deepEqual([...ended].sort(), ['call EPIPE', 'produce returned']);
  // Some seconds of items lie there, so it is the end of reading that is looked at, not of the
  // items.
  const { read } = await reader.report();
  await reader.until((report) => report.read > read);
  t.pass();
});

test('the client is killed: producer and items of the service end', async (t) => {
  const domain = await startDomain(t);
  const service = await startPeer(t, 'service', domain.name);
  const reader = await startPeer(t, 'reader', domain.name);
  const writer = await startPeer(t, 'writer', domain.name);
  await reader.until(({ read }) => read > 0);
  await service.until(({ read }) => read > 0);
  reader.child.kill('SIGKILL');
  writer.child.kill('SIGKILL');
  const { ended } = await service.until((report) => report.ended.length === 2);
  t.deepEqual([...ended].sort(), ['produce EPIPE', 'read EPIPE']);
});

for (const what of ['service', 'methods'] as const) {
  test(`the right to the ${what} is revoked during streams: both sides end`, async (t) => {
    const uid = process.getuid?.() ?? 0;
    const policy = [allow('endless').to({ uid })];
    const domain = await startDomain(t, { policy });
    const service = await startPeer(t, 'service', domain.name);
    const reader = await startPeer(t, 'reader', domain.name);
    const writer = await startPeer(t, 'writer', domain.name);
    await reader.until(({ read }) => read > 0);
    await service.until(({ read }) => read > 0);
    const subject = { uid };
    if (what === 'service') await domain.manager.revoke('endless', subject);
    else await domain.manager.revoke('endless', subject, ['chunks', 'upload']);
    const { ended } = await writer.until((report) => report.ended.length === 2);
    t.deepEqual([...ended].sort(), ['call EACCES', 'produce returned']);
    const report = await service.until((report) => report.ended.length === 2);
    t.deepEqual([...report.ended].sort(), ['produce EACCES', 'read EACCES']);
    const { ended: readerEnded } = await reader.until((report) => report.ended.length === 1);
    t.deepEqual(readerEnded, ['read EACCES']);
  });
}
