/**
 * Tests values that do not fit in a message, between two processes: delivery, ownership of the
 * memory, and rejection.
 */
import { once } from 'node:events';
import { closeSync, ftruncateSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { Blob, File } from 'node:buffer';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import ava, { type ExecutionContext } from 'ava';
import { pack } from 'msgpackr';
import { LiteIpcError, releaseBytes, releasedAtEnd, type ReceivedFile } from 'liteipc';
import { shapeOf } from '#lib/contract/shape.js';
import { loadNativeBinding } from '#lib/native/binding.js';
import { startProgram } from '#test/support/child-program.js';
import { Big, BigService, hashOf, memoryFiles } from '#test/support/big-data.js';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { RawDevice, errno, rawObject, type RawEvent } from '#test/support/raw-device.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
// Serial, because the tests count descriptors and mappings.
const test = ava.serial;
const MIB = 1024 * 1024;

/** Starts the service in another process. Returns a client. */
async function start(t: ExecutionContext, ...options: string[]) {
  const domain = await startDomain(t);
  const child = await startProgram(t, 'big-data-service', [domain.name, ...options]);
  const device = await domain.open();
  const client = await device.service(Big);
  return { domain, child, device, client };
}

/** Like t.deepEqual, for large values. */
function same(t: ExecutionContext, arrived: unknown, sent: unknown): void {
  t.true(isDeepStrictEqual(arrived, sent));
}

function pattern(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 997) bytes[at] = at / 997;
  return bytes;
}

test('bytes of every size and view class arrive unchanged', async (t) => {
  const { client } = await start(t);
  for (const size of [0, 47 * 1024, 48 * 1024, 65_536 - 5, 65_536, 200_000, 3 * MIB]) {
    const bytes = pattern(size);
    const floats = new Float64Array(bytes.slice(0, size - (size % 8)).buffer);
    const sent = {
      bytes,
      buffer: Buffer.from(bytes),
      whole: bytes.buffer,
      list: [floats, new DataView(bytes.buffer)],
      part: bytes.subarray(size >> 1),
      map: new Map([['bytes', bytes]]),
    };
    const arrived = (await client.echo(sent)) as typeof sent;
    same(t, arrived, sent);
    t.is(arrived.bytes.constructor, Uint8Array);
    t.is(arrived.buffer.constructor, Buffer);
    const plain = { ...sent, map: undefined };
    same(t, await client.echo(plain), plain);
  }
});

test('more bytes than the maximum number of mappings arrive, also as a one-way message', async (t) => {
  const { client } = await start(t);
  const many = Array.from({ length: 300 }, (_, index) => new Uint8Array(50_000).fill(index));
  same(t, await client.echo(many), many);
  for (let round = 0; round < 20; round++) await client.note(pattern(100_000 * (round + 1)));
  await until(() => true);
  await until(async () => (await client.noted()) === 21_000_000);
  t.is(await client.noted(), 21_000_000);
});

test('values without large bytes arrive: large trees, texts and cycles', async (t) => {
  const { client } = await start(t);
  const rows = Array.from({ length: 20_000 }, (_, id) => ({
    id,
    name: `row ${id}`,
    at: new Date(id),
  }));
  same(t, await client.echo(rows), rows);
  const text = 'äß€ 漢字 😀 '.repeat(100_000);
  t.is(await client.echo(text), text);
  const cycle: { self?: unknown; rows: unknown; bytes: Uint8Array } = {
    rows,
    bytes: pattern(60_000),
  };
  cycle.self = cycle;
  const arrived = (await client.echo(cycle)) as typeof cycle;
  t.is(arrived.self, arrived);
  same(t, arrived.rows, rows);
  same(t, arrived.bytes, cycle.bytes);
});

test('a Blob and a File of any size arrive with type, name and time', async (t) => {
  const { client } = await start(t);
  for (const size of [0, 10, 70_000, 3 * MIB + 1]) {
    const bytes = pattern(size);
    const blob = new Blob([bytes], { type: 'image/png' });
    const file = new File([bytes, 'end'], 'name.txt', { type: 'text/plain', lastModified: 12_345 });
    const sent = { blob, list: [file], bytes };
    const arrived = (await client.echo(sent)) as typeof sent;
    t.is(arrived.blob.type, 'image/png');
    same(t, new Uint8Array(await arrived.blob.arrayBuffer()), bytes);
    same(t, arrived.bytes, bytes);
    const [received] = arrived.list as [File];
    t.true(received instanceof File);
    t.like(received, {
      name: 'name.txt',
      type: 'text/plain',
      lastModified: 12_345,
      size: size + 3,
    });
    t.is(await received.slice(-3).text(), 'end');
  }
});

test('large values can be combined with files and metadata', async (t) => {
  const { client } = await start(t);
  const fd = openSync(import.meta.filename, 'r');
  const resultFiles: ReceivedFile[] = [];
  const options = { files: [fd, fd], metadata: { a: 'b' }, resultFiles };
  t.is(await client.hash(undefined, options), hashOf(readFileSync(import.meta.filename)));
  const bytes = pattern(100_000);
  t.is(await client.hash(bytes, options), hashOf(bytes));
  const text = 'x'.repeat(300_000);
  t.is(await client.echo(text, { files: Array<number>(15).fill(fd) }), text);
  await t.throwsAsync(client.echo(text, { files: Array<number>(16).fill(fd) }), {
    code: 'EINVAL',
    message: 'big.echo: input: with large data a message carries at most 15 files (EINVAL)',
  });
  closeSync(fd);
});

test('the receiver has a private mapping and can release it', async (t) => {
  const { client } = await start(t);
  const bytes = pattern(MIB);
  const before = await client.mapped();
  t.is(await client.scribble(bytes), 0xee);
  t.is(bytes[1], 0);
  t.is(await client.mapped(), before + 1, 'the mapping, and no descriptor');
  t.is(await client.retained({ at: 5, release: false }), 0xee);
  t.is(await client.retained({ at: 5, release: true }), undefined);
  t.is(await client.mapped(), before);
  const here = memoryFiles();
  const echoed = (await client.echo([bytes, bytes.slice()])) as [Uint8Array, Uint8Array];
  t.is(memoryFiles(), here + 2);
  t.true(releaseBytes(echoed[0]));
  t.is(echoed[0].length, 0);
  t.is(echoed[1].length, MIB, 'each has memory of its own');
  t.false(releaseBytes(echoed[0]));
  {
    using held = releasedAtEnd(echoed[1]);
    t.truthy(held);
    t.is(echoed[1].length, MIB);
  }
  t.is(echoed[1].length, 0);
  t.is(memoryFiles(), here);
  t.false(releaseBytes(bytes), 'not one that was received');
  t.is(bytes.length, MIB);
  t.throws(() => releaseBytes('x' as never), { instanceOf: TypeError });
});

test('cancelled, rejected and orphaned messages leave no memory', async (t) => {
  const { client, child, device } = await start(t);
  const here = memoryFiles();
  const bytes = pattern(40 * MIB);
  await t.throwsAsync(client.hash(bytes, { signal: AbortSignal.timeout(1) }), {
    name: 'AbortError',
  });
  const late = client.hash(bytes, { timeoutMs: 1 });
  await t.throwsAsync(late, { code: 'ETIME' });
  await t.throwsAsync(client.echo([bytes, () => 1]), {
    code: 'EINVAL',
    message: /input\[1\]: a function/,
  });
  await until(() => memoryFiles() === here);
  const gone = once(child, 'exit');
  const calls = Array.from({ length: 10 }, () => client.echo(bytes));
  void client.crash().catch(() => undefined);
  const results = await Promise.allSettled(calls);
  await gone;
  t.true(results.some(({ status }) => status === 'rejected'));
  for (const result of results)
    if (result.status === 'fulfilled') releaseBytes(result.value as Uint8Array);
  await until(() => memoryFiles() === here);
  t.is(device.pendingCalls, 0);
});

test('a device enforces its messageLimit', async (t) => {
  const { client, domain } = await start(t, String(MIB));
  t.is(((await client.echo(pattern(MIB))) as Uint8Array).length, MIB);
  const message =
    /the message has \d+ bytes in memory of its own; this device accepts at most 1048576/;
  await t.throwsAsync(client.echo(pattern(MIB + 1)), { code: 'EMSGSIZE', message });
  await t.throwsAsync(client.echo('x'.repeat(2 * MIB)), { code: 'EMSGSIZE', message });
  const own = await domain.open({ messageLimit: 100_000 });
  const modest = await own.service(Big);
  await t.throwsAsync(modest.echo(pattern(200_000)), { code: 'EMSGSIZE' });
  t.is(await modest.echo(5), 5);
  await t.throwsAsync(domain.open({ messageLimit: -1 }), { instanceOf: TypeError });
});

/** Encodes a placeholder as an encoder does. */
function placeholder(...facts: unknown[]): Buffer {
  return Buffer.concat([Buffer.from([0xd4, 0x7d, 0]), pack(facts)]);
}

function place(offset: number, size: number): Buffer {
  const data = Buffer.alloc(16);
  data.writeBigUInt64LE(BigInt(offset), 0);
  data.writeBigUInt64LE(BigInt(size), 8);
  return data;
}

const MEMORY = 0x100;
const OUTSIDE = 0x200;

/**
 * Messages of a hostile sender: data, cookie, and the descriptor that takes the role of the memory.
 */
function attacks(): { what: string; data: Buffer; cookie: number; fd?: () => number }[] {
  const native = loadNativeBinding();
  const sealed = (bytes: Uint8Array): number => {
    const file = native.createMemoryFile();
    file.append([bytes]);
    return file.seal().release();
  };
  const path = join(process.env['XDG_RUNTIME_DIR'] ?? '', `attack-${process.pid}`);
  const regular = openSync(path, 'w+');
  writeSync(regular, Buffer.alloc(100_000));
  rmSync(path);
  const [socket, other] = native.createSocketPair();
  other.close();
  const good = (): number => sealed(new Uint8Array(4096));
  const bytes = placeholder(0, 1, 0, 4096);
  return [
    { what: 'a regular file', data: bytes, cookie: MEMORY, fd: () => regular },
    { what: 'a socket', data: bytes, cookie: MEMORY, fd: () => socket.release() },
    { what: 'no memory', data: bytes, cookie: MEMORY },
    { what: 'memory that is not said to be there', data: bytes, cookie: 0, fd: good },
    { what: 'behind the end', data: placeholder(0, 1, 1, 4096), cookie: MEMORY, fd: good },
    { what: 'far behind', data: placeholder(0, 1, 2 ** 52, 1), cookie: MEMORY, fd: good },
    { what: 'a negative place', data: placeholder(0, 1, -1, 1), cookie: MEMORY, fd: good },
    { what: 'a fraction', data: placeholder(0, 1, 0.5, 1), cookie: MEMORY, fd: good },
    {
      what: 'a size that does not fit the view',
      data: placeholder(0, 9, 0, 4),
      cookie: MEMORY,
      fd: good,
    },
    { what: 'no such view', data: placeholder(0, 99, 0, 8), cookie: MEMORY, fd: good },
    { what: 'no such kind', data: placeholder(77), cookie: MEMORY, fd: good },
    { what: 'no placeholder', data: Buffer.from([0xd4, 0x7d, 0, 5]), cookie: MEMORY, fd: good },
    {
      what: 'a value outside without a place',
      data: pack(5),
      cookie: MEMORY | OUTSIDE,
      fd: good,
    },
    { what: 'a value behind the end', data: place(4096, 1), cookie: MEMORY | OUTSIDE, fd: good },
    {
      what: 'a value of garbage',
      data: place(0, 4096),
      cookie: MEMORY | OUTSIDE,
      fd: () => sealed(new Uint8Array(4096).fill(0xc1)),
    },
    {
      what: 'a value that is too large',
      data: place(0, 2 ** 40),
      cookie: MEMORY | OUTSIDE,
      fd: good,
    },
    { what: 'a value outside without memory', data: place(0, 8), cookie: OUTSIDE },
    {
      what: 'too many parts',
      data: Buffer.concat([Buffer.from([0xdc, 2, 0]), ...Array.from({ length: 512 }, () => bytes)]),
      cookie: MEMORY,
      fd: good,
    },
    {
      what: 'a reference without a service',
      data: placeholder(1, 0, 1, 'x', ''),
      cookie: 0,
      fd: good,
    },
    { what: 'a reference without an object', data: placeholder(1, 7, 1, 'x', ''), cookie: 0 },
    { what: 'a reference that says nothing', data: placeholder(1), cookie: 0 },
  ];
}

/** Calls as the ServiceManager. Retries until the lane exists. */
async function ask(raw: RawDevice, data: Uint8Array, code: number): Promise<number> {
  for (;;) {
    const { status, ended } = raw.tryCall(0, data, { code });
    if (status === 0) return (await ended).status;
    if (status !== errno.EINPROGRESS) return status;
    await sleep(2);
  }
}

test('hostile messages are rejected with EPROTO, leave nothing, and the service continues', async (t) => {
  const domain = await startDomain(t);
  const service = await domain.open();
  await service.expose(Big, new BigService());
  const client = await (await domain.open()).service(Big);
  const raw = await RawDevice.open(domain.name);
  t.teardown(() => raw.close());
  t.is(await ask(raw, pack({ name: Big.name, hash: Big.hash, waitMs: 0 }), 2), 0);
  const handle = domain.manager.services()[0]?.handle ?? 0;
  const here = memoryFiles();
  for (const { what, data, cookie, fd: open } of attacks()) {
    const fd = open?.();
    const objects = fd === undefined ? {} : { objects: Uint32Array.from(rawObject.descriptor(fd)) };
    const answer = await raw.call(handle, data, { cookie, ...objects });
    t.is(answer.event?.code, 2, what);
    t.regex(Buffer.from(answer.data).toString('latin1'), /EPROTO|EMSGSIZE/, what);
    if (fd !== undefined) closeSync(fd);
    t.is(memoryFiles(), here, what);
  }
  t.is(await client.echo(7), 7);
});

test('hostile replies fail the call, and the client continues', async (t) => {
  const domain = await startDomain(t);
  const raw = await RawDevice.open(domain.name);
  t.teardown(() => raw.close());
  t.is(await ask(raw, pack({ name: Big.name, shape: shapeOf(Big.methods) }), 0), 0);
  const client = await (await domain.open()).service(Big);
  const here = memoryFiles();
  for (const { what, data, cookie, fd: open } of attacks()) {
    const fd = open?.();
    raw.onRequest = (event: RawEvent) => {
      const objects = fd === undefined ? undefined : Uint32Array.from(rawObject.descriptor(fd));
      raw.reply({ ...event, cookie }, data, 0, () => undefined, objects);
    };
    const error = await t.throwsAsync(client.echo(1), { instanceOf: LiteIpcError }, what);
    t.regex(error.code, /EPROTO|EMSGSIZE/, what);
    if (fd !== undefined) closeSync(fd);
    await until(() => memoryFiles() === here);
  }
});

test('a large file is hashed by descriptor and as bytes with little memory in the service', async (t) => {
  const { client } = await start(t);
  const path = join(process.env['XDG_RUNTIME_DIR'] ?? '', `sparse-${process.pid}`);
  const fd = openSync(path, 'w+');
  t.teardown(() => {
    rmSync(path, { force: true });
  });
  const size = 256 * MIB;
  ftruncateSync(fd, size);
  writeSync(fd, 'the beginning', 0);
  writeSync(fd, 'the end', size - 7);
  const bytes = new Uint8Array(size);
  Buffer.from(bytes.buffer).write('the beginning', 0);
  Buffer.from(bytes.buffer).write('the end', size - 7);
  const before = await client.memory();
  const byDescriptor = await client.hash(undefined, { files: [fd], timeoutMs: 60_000 });
  const afterFile = await client.memory();
  const asBytes = await client.hash(bytes, { timeoutMs: 60_000 });
  const afterBytes = await client.memory();
  closeSync(fd);
  t.is(asBytes, byDescriptor);
  for (const { peakAnonymous } of [afterFile, afterBytes]) {
    const grown = peakAnonymous - before.anonymous;
    t.true(grown < 64 * MIB, `${grown} bytes of private memory`);
  }
  t.true(afterBytes.shared < 32 * MIB, 'given back');
});
