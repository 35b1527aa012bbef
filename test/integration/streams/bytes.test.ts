/** Tests ReadableStreams of bytes as values between two processes, and that they leave nothing. */
import { ReadableStream, type ReadableStreamDefaultController } from 'node:stream/web';
import { setTimeout as sleep } from 'node:timers/promises';
import ava, { type ExecutionContext } from 'ava';
import { LiteIpcError } from 'liteipc';
import { startProgram } from '#test/support/child-program.js';
import { Big } from '#test/support/big-data.js';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava.serial;
const MIB = 1024 * 1024;

type Bytes = ReadableStream<Uint8Array>;

/**
 * Starts the service in another process. Returns a client, and a check that no task of a sent
 * stream remains.
 */
async function start(t: ExecutionContext) {
  const domain = await startDomain(t);
  const child = await startProgram(t, 'big-data-service', [domain.name]);
  const device = await domain.open();
  const client = await device.service(Big);
  const { tasks } = domain.manager.counters();
  const nothingIsLeft = (): Promise<void> =>
    until(() => domain.manager.counters().tasks === tasks && device.pendingCalls === 0);
  return { domain, child, client, nothingIsLeft };
}

/**
 * Returns a stream of `count` pieces, each with one value. Counts them, and records the reason for
 * its cancellation.
 */
function source(pieces: number, size: number) {
  const state: { given: number; cancelled: unknown } = { given: 0, cancelled: undefined };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller: ReadableStreamDefaultController<Uint8Array>) {
        if (state.given === pieces) controller.close();
        else controller.enqueue(new Uint8Array(size).fill(state.given++ & 0xff));
      },
      cancel(reason: unknown) {
        state.cancelled = reason ?? 'cancelled';
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, state };
}

/** Reads a stream to its end. */
async function read(stream: Bytes): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

test('streams go to the service and return, together with other large values', async (t) => {
  const { client, nothingIsLeft } = await start(t);
  const long = source(10, MIB + 7);
  const short = source(3, 5);
  const bytes = new Uint8Array(200_000).fill(9);
  const none = source(0, 1);
  const sent = { long: long.stream, list: [short.stream, none.stream], bytes };
  const arrived = (await client.echo(sent)) as typeof sent;
  t.deepEqual(Buffer.compare(arrived.bytes, bytes), 0);
  t.true(arrived.long instanceof ReadableStream);
  const [one, two, three] = await Promise.all([
    read(arrived.long),
    read(arrived.list[0] as Bytes),
    read(arrived.list[1] as Bytes),
  ]);
  t.is(one.length, 10 * (MIB + 7));
  for (let piece = 0; piece < 10; piece++) t.is(one[piece * (MIB + 7)], piece);
  t.deepEqual(
    [...two],
    [...Array(15).keys()].map((at) => Math.floor(at / 5)),
  );
  t.is(three.length, 0);
  await nothingIsLeft();
});

test('an error of the source ends the stream at the receiver after the previous bytes', async (t) => {
  const { client, nothingIsLeft } = await start(t);
  let given = 0;
  const failing = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (given++ < 3) controller.enqueue(new Uint8Array(10));
      else controller.error(Object.assign(new RangeError('disk on fire'), { code: 'EFIRE' }));
    },
  });
  const arrived = (await client.echo(failing)) as Bytes;
  let count = 0;
  const error = await t.throwsAsync(async () => {
    for await (const piece of arrived) count += piece.length;
  });
  t.is(count, 30);
  t.true(error?.message.includes('disk on fire'));
  await nothingIsLeft();
});

test('a piece that is not bytes ends the stream with an error', async (t) => {
  const { client, nothingIsLeft } = await start(t);
  const texts = new ReadableStream<unknown>({
    start(controller) {
      controller.enqueue(Uint16Array.of(0x2020));
      controller.enqueue('text');
    },
  });
  const reader = ((await client.echo(texts)) as Bytes).getReader();
  t.deepEqual((await reader.read()).value, Uint8Array.of(0x20, 0x20));
  await t.throwsAsync(reader.read(), { message: /must yield bytes; this one yielded string/ });
  await nothingIsLeft();
});

test('a reader that does not read stops the source, and cancelling reaches it', async (t) => {
  const { client, nothingIsLeft } = await start(t);
  const endless = source(Infinity, 16 * 1024);
  const arrived = (await client.echo(endless.stream)) as Bytes;
  const reader = arrived.getReader();
  t.is((await reader.read()).value?.length, 16 * 1024);
  let before = -1;
  // The source stops after a while.
  while (before !== endless.state.given) {
    before = endless.state.given;
    await sleep(300);
  }
  t.true(endless.state.given < 64, `${endless.state.given} pieces`);
  await reader.cancel('enough');
  await until(() => endless.state.cancelled !== undefined);
  await nothingIsLeft();
});

test('the end of the other process ends both sides', async (t) => {
  const { client, child } = await start(t);
  const endless = source(Infinity, 16 * 1024);
  const reader = ((await client.echo(endless.stream)) as Bytes).getReader();
  await reader.read();
  child.kill('SIGKILL');
  const error = await t.throwsAsync(async () => {
    while (!(await reader.read()).done);
  });
  t.true(error instanceof LiteIpcError && error.code === 'EPIPE', String(error));
  await until(() => endless.state.cancelled !== undefined);
  const late = source(1, 1);
  await t.throwsAsync(client.echo(late.stream));
  await until(() => late.state.cancelled !== undefined);
});

test('a stream that is locked or occurs twice in a value is rejected at once', async (t) => {
  const { client, nothingIsLeft } = await start(t);
  const { stream } = source(1, 1);
  await t.throwsAsync(client.echo({ a: stream, b: stream }), {
    code: 'EINVAL',
    message: /cannot be sent twice/,
  });
  t.false(stream.locked, 'nothing was read');
  const reader = stream.getReader();
  await t.throwsAsync(client.echo([stream]), { code: 'EINVAL', message: /is locked/ });
  await reader.cancel();
  await nothingIsLeft();
});
