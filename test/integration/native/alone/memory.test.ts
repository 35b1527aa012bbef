/**
 * Tests the native contract (types/native.d.ts): large values in sealed memory, and socket pairs.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  readlinkSync,
  writeSync,
} from 'node:fs';
import { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { setTimeout as sleep } from 'node:timers/promises';
import ava, { type ExecutionContext } from 'ava';
import { findAddon, loadNativeBinding } from '#lib/native/binding.js';
import type { NativeDescriptor } from '../../../../types/native.js';
import { testProgram } from '#test/support/paths.js';

const binding = loadNativeBinding();
// Serial, because the tests count descriptors and mappings.
const test = ava.serial;
/** The name of memory files in /proc. */
const MEMORY = '/memfd:liteipc-value';
const MIB = 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function pattern(size: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let index = 0; index < size; index++)
    bytes[index] = (index * 31 + (index >> 8) + seed) & 255;
  return bytes;
}

function sealed(...parts: readonly Uint8Array[]): NativeDescriptor {
  const file = binding.createMemoryFile();
  file.append(parts);
  return file.seal();
}

/** Returns the descriptors of this process that are memory files of LiteIPC. */
function memoryFiles(): number {
  return readdirSync('/proc/self/fd').filter((fd) => linkOf(fd).startsWith(MEMORY)).length;
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ''; // closed meanwhile
  }
}

/** Returns their mappings. */
function mappings(): number {
  const maps = readFileSync('/proc/self/maps', 'utf8');
  return maps.split('\n').filter((line) => line.includes(MEMORY)).length;
}

/** Runs the garbage collector until `count` is at most `expected`. Returns the count. */
async function settle(count: () => number, expected: number, rounds = 100): Promise<number> {
  for (let round = 0; count() !== expected && round < rounds; round++) {
    collect();
    await sleep(5);
  }
  return count();
}

test('parts of every size become one memory, which the receiver maps', (t) => {
  const sizes = [0, 1, 7, 64, 4095, 4096, 4097, 100_000, 3 * MIB + 5];
  const parts = sizes.map((size, index) => pattern(size, index));
  const whole = Buffer.concat(parts);
  const file = binding.createMemoryFile();
  file.append(parts.slice(0, 4));
  t.is(file.size, 72);
  file.append([]);
  file.append(parts.slice(4));
  t.is(file.size, whole.length);
  const descriptor = file.seal();
  for (const copy of [false, true]) {
    const mapping = binding.mapMemoryFile(descriptor.fd, undefined, undefined, copy);
    t.is(mapping.copied, copy);
    t.is(mapping.buffer, mapping.buffer);
    t.true(whole.equals(new Uint8Array(mapping.buffer)));
    for (const [offset, length] of [
      [0, 1],
      [1, 4096],
      [4097, 100_000],
      [whole.length - 1, undefined],
      [whole.length, undefined],
      [whole.length, 0],
    ] as const) {
      const part = binding.mapMemoryFile(descriptor.fd, offset, length, copy);
      const wanted = whole.subarray(offset, length === undefined ? undefined : offset + length);
      t.true(wanted.equals(new Uint8Array(part.buffer)), `${offset} ${length}`);
      part.release();
    }
    mapping.release();
  }
  descriptor.close();
  t.is(mappings(), 0);
});

test('an empty value can be mapped', (t) => {
  const descriptor = sealed();
  const mapping = binding.mapMemoryFile(descriptor.fd);
  t.is(mapping.buffer.byteLength, 0);
  mapping.release();
  descriptor.close();
});

test('sealed memory cannot be changed', (t) => {
  const descriptor = sealed(pattern(5000));
  t.throws(() => writeSync(descriptor.fd, 'x', 0), { code: 'EPERM' });
  const again = openSync(`/proc/self/fd/${descriptor.fd}`, 'r+');
  t.throws(() => writeSync(again, 'x', 0), { code: 'EPERM' });
  closeSync(again);
  descriptor.close();
});

test('writes to a mapping are private', (t) => {
  const descriptor = sealed(pattern(10_000));
  const one = binding.mapMemoryFile(descriptor.fd);
  const other = binding.mapMemoryFile(descriptor.fd);
  new Uint8Array(one.buffer).fill(1);
  t.true(Buffer.from(pattern(10_000)).equals(new Uint8Array(other.buffer)));
  const inFile = Buffer.alloc(10_000);
  readSync(descriptor.fd, inFile, 0, inFile.length, 0);
  t.true(inFile.equals(pattern(10_000)));
  one.release();
  other.release();
  descriptor.close();
});

test('release ends the mapping at once, and its views are empty', (t) => {
  const descriptor = sealed(pattern(MIB));
  const before = process.memoryUsage().external;
  for (let round = 0; round < 200; round++) {
    const mapping = binding.mapMemoryFile(descriptor.fd, round);
    const view = new Uint8Array(mapping.buffer);
    t.is(view[0], pattern(round + 1)[round]);
    t.is(mappings(), 1);
    mapping.release();
    mapping.release();
    t.is(view.length, 0);
    t.is(mapping.buffer.byteLength, 0);
    t.is(mappings(), 0);
  }
  t.true(process.memoryUsage().external - before < 10 * MIB);
  descriptor.close();
});

test('an unreferenced mapping ends with its buffer and not before', async (t) => {
  const descriptor = sealed(pattern(MIB));
  t.is(await settle(mappings, 0), 0);
  const before = process.memoryUsage().external;
  const views = Array.from(
    { length: 20 },
    () => new Uint8Array(binding.mapMemoryFile(descriptor.fd).buffer),
  );
  t.true(process.memoryUsage().external - before >= 20 * MIB, 'the collector feels it');
  await settle(mappings, 0, 5);
  t.is(mappings(), 20, 'the views keep it');
  t.is(
    views.reduce((sum, view) => sum + (view[77] ?? 0), 0),
    20 * (pattern(78)[77] ?? 0),
  );
  views.length = 0;
  t.is(await settle(mappings, 0), 0);
  descriptor.close();
});

test('memory that was moved to another ArrayBuffer remains valid', async (t) => {
  const descriptor = sealed(pattern(MIB));
  await moveAndRelease(t, descriptor);
  t.is(await settle(mappings, 0), 0);
  descriptor.close();
});

async function moveAndRelease(t: ExecutionContext, descriptor: NativeDescriptor): Promise<void> {
  const mapping = binding.mapMemoryFile(descriptor.fd);
  t.deepEqual(Buffer.from(structuredClone(mapping.buffer)), Buffer.from(pattern(MIB)));
  let moved: ArrayBuffer | undefined;
  try {
    // Some versions of Node refuse, some copy, some move.
    moved = structuredClone(mapping.buffer, { transfer: [mapping.buffer] });
  } catch {
    const { transfer } = mapping.buffer as { transfer?: () => ArrayBuffer };
    moved = transfer?.call(mapping.buffer);
  }
  mapping.release();
  t.is(mapping.buffer.byteLength, 0);
  await settle(mappings, 0, 5);
  if (moved !== undefined) t.true(Buffer.from(pattern(MIB)).equals(new Uint8Array(moved)));
}

test('unreferenced mappings do not accumulate', async (t) => {
  const descriptor = sealed(pattern(MIB));
  let most = 0;
  const mapAndForget = () => binding.mapMemoryFile(descriptor.fd).buffer.byteLength;
  for (let round = 0; round < 3000; round++) {
    t.is(mapAndForget(), MIB);
    if (round % 50 === 0) {
      await new Promise((resolve) => setImmediate(resolve));
      most = Math.max(most, mappings());
    }
  }
  t.true(most < 1500, `${most} mappings at once, without explicit garbage collection`);
  descriptor.close();
  // The engine may retain the last one in a register.
  t.true((await settle(mappings, 0)) <= 1);
});

test('memory that could change or fail is not mapped', (t) => {
  const refused = (fd: number, code = 'EPROTO') =>
    t.throws(() => binding.mapMemoryFile(fd), { code, message: /descriptor/ }, `${fd}`);
  const file = openSync(import.meta.filename, 'r');
  refused(file);
  closeSync(file);
  refused(file, 'EBADF');
  const [one, other] = binding.createSocketPair();
  refused(one.fd);
  one.close();
  other.close();
  // A file that is being written could change. test_memory_file.c tests the other messages of C
  // programs.
  const filling = binding.createMemoryFile();
  filling.append([pattern(5000)]);
  const fd = readdirSync('/proc/self/fd').find((name) => linkOf(name).startsWith(MEMORY));
  refused(Number(fd));
  filling.close();
});

test('invalid arguments are rejected', (t) => {
  const descriptor = sealed(pattern(100));
  const bad = (call: () => unknown, expected: object) => t.throws(call, expected);
  bad(() => binding.mapMemoryFile(-1), { instanceOf: TypeError });
  bad(() => binding.mapMemoryFile('1' as never), { instanceOf: TypeError });
  bad(() => binding.mapMemoryFile(descriptor.fd, 1.5), { instanceOf: TypeError });
  bad(() => binding.mapMemoryFile(descriptor.fd, 101), { code: 'EINVAL' });
  bad(() => binding.mapMemoryFile(descriptor.fd, 50, 51), { code: 'EINVAL' });
  bad(() => binding.mapMemoryFile(descriptor.fd, 1, 2 ** 53 - 1), { code: 'EINVAL' });
  descriptor.close();
  const file = binding.createMemoryFile();
  const detached = new Uint8Array(10);
  structuredClone(detached, { transfer: [detached.buffer] });
  for (const parts of [undefined, [1], [pattern(5), 'x'], new Uint8Array(5), [detached]]) {
    bad(() => file.append(parts as never), { instanceOf: TypeError });
    bad(() => file.appendInBackground(parts as never), { instanceOf: TypeError });
  }
  t.is(file.size, 0);
  const liar = Object.defineProperty([pattern(5), 0], 1, {
    get: () => {
      file.close();
      return pattern(5);
    },
  });
  bad(() => file.append(liar as Uint8Array[]), { code: 'EBADF' });
  bad(() => file.seal(), { code: 'EBADF' });
  bad(() => file.appendInBackground([]), { code: 'EBADF' });
  file.close();
  const used = binding.createMemoryFile();
  used.seal().close();
  bad(() => used.append([]), { code: 'EBADF' });
  for (const object of [file, binding.mapMemoryFile(sealed().fd)]) {
    const Class = object.constructor as new () => unknown;
    bad(() => new Class(), { instanceOf: TypeError });
  }
});

test('appendInBackground preserves the order, runs once at a time and can be cancelled', async (t) => {
  const file = binding.createMemoryFile();
  const large = pattern(48 * MIB);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const done = file.appendInBackground([large, pattern(10)]);
  t.throws(() => file.append([large]), { code: 'EBUSY' });
  t.throws(() => file.seal(), { code: 'EBUSY' });
  t.throws(() => file.appendInBackground([large]), { code: 'EBUSY' });
  await done;
  clearInterval(timer);
  t.true(turns > 0, 'the event loop went on');
  await file.appendInBackground([pattern(3)]);
  const descriptor = file.seal();
  const mapping = binding.mapMemoryFile(descriptor.fd);
  const wanted = Buffer.concat([large, pattern(10), pattern(3)]);
  t.true(wanted.equals(new Uint8Array(mapping.buffer)));
  mapping.release();
  descriptor.close();

  const closed = binding.createMemoryFile();
  const filling = closed.appendInBackground([large]);
  closed.close();
  await t.throwsAsync(filling, { code: 'ECANCELED' });
  t.throws(() => closed.seal(), { code: 'EBADF' });

  const robbed = binding.createMemoryFile();
  const source = new Uint8Array(new ArrayBuffer(48 * MIB));
  const reading = robbed.appendInBackground([source]);
  structuredClone(source, { transfer: [source.buffer] });
  await t.throwsAsync(reading, { code: 'EFAULT' });
  t.throws(() => robbed.seal(), { code: 'EBADF' });
  t.is(await settle(memoryFiles, 0), 0);
});

test('a value above the limits is an error and not a signal', (t) => {
  const script = `
const { createMemoryFile } = require(${JSON.stringify(findAddon())});
const file = createMemoryFile();
file.append([new Uint8Array(1000)]);
let code;
try { file.append([new Uint8Array(600), new Uint8Array(600)]); } catch (error) { code = error.code; }
console.log(code, file.size);
const open = [];
try { for (;;) open.push(createMemoryFile()); } catch (error) { console.log(error.code); }`;
  const shell = 'ulimit -f 2; ulimit -n 60; exec "$0" -e "$1"';
  const output = execFileSync('bash', ['-c', shell, process.execPath, script], {
    encoding: 'utf8',
  });
  t.is(output, 'EFBIG 1000\nEMFILE\n');
});

test('unreferenced files are closed', async (t) => {
  for (let round = 0; round < 10; round++) binding.createMemoryFile().append([pattern(10)]);
  t.is(await settle(memoryFiles, 0), 0);
});

test('a socket pair carries a stream both ways', async (t) => {
  const before = readdirSync('/proc/self/fd').length;
  for (const end of binding.createSocketPair()) end.close();
  t.is(await settle(() => readdirSync('/proc/self/fd').length, before), before);
  const ends = binding.createSocketPair();
  const [one, other] = ends.map((end) => new Socket({ fd: end.release() })) as [Socket, Socket];
  const received = text(other);
  one.end('a stream');
  t.is(await received, 'a stream');
  other.destroy();
});

test('workers that end or are terminated leave nothing', async (t) => {
  for (const mode of ['exit', 'terminate', 'terminate', 'exit'] as const) {
    const worker = new Worker(testProgram('memory-worker'), {
      workerData: { mode },
    });
    const ended = once(worker, 'exit');
    await once(worker, 'message');
    if (mode === 'terminate') void worker.terminate();
    await ended;
    t.is(await settle(memoryFiles, 0), 0, mode);
    t.is(await settle(mappings, 0), 0, mode);
  }
});
