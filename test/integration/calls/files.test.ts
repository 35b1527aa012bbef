/**
 * Tests files in calls between two processes: their ownership at every moment, and that none is
 * leaked.
 */
import { once } from 'node:events';
import { closeSync, openSync, readSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import ava, { type ExecutionContext } from 'ava';
import { LiteIpcError, type ReceivedFile } from 'liteipc';
import { startProgram } from '#test/support/child-program.js';
import { startDomain } from '#test/support/domain.js';
import { Files, openCopies, textOf } from '#test/support/files.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
// Serial, because the tests count descriptors.
const test = ava.serial;
const path = import.meta.filename;
const text = readFileSync(path, 'utf8');

/** Starts the service in another process. Returns a client. */
async function start(t: ExecutionContext) {
  const domain = await startDomain(t);
  const child = await startProgram(t, 'file-reader', [domain.name]);
  const device = await domain.open();
  const client = await device.service(Files);
  /** Checks that neither process has a descriptor of the file. */
  const nothingIsLeft = async (): Promise<void> => {
    await until(() => openCopies(path) === 0);
    await until(async () => (await client.copies(path)) === 0);
  };
  return { domain, child, device, client, nothingIsLeft };
}

test('the service reads a FileHandle, a number and an object with an fd, and the sender retains its own', async (t) => {
  const { client, nothingIsLeft } = await start(t);
  const handle = await open(path);
  const fd = openSync(path, 'r');
  for (let round = 0; round < 50; round++) {
    const texts = await client.read(9 + round, { files: [handle, fd, { fd }] });
    t.deepEqual(texts, Array(3).fill(text.slice(0, 9 + round)));
  }
  t.deepEqual(await client.read(5, { files: [] }), []);
  t.deepEqual(await client.read(5), []);
  const metadata = { traceparent: 'beside files' };
  t.deepEqual(await client.read(5, { files: [fd], metadata }), [text.slice(0, 5)]);
  t.is(textOf(handle.fd, 5), text.slice(0, 5));
  // The duplicates that were sent are closed on another thread.
  await until(() => openCopies(path) === 2);
  t.is(openCopies(path), 2);
  await handle.close();
  closeSync(fd);
  await nothingIsLeft();
});

test('the sender may close its file at once, even if the call has to wait', async (t) => {
  const { client, nothingIsLeft } = await start(t);
  // The first calls wait for capacity for descriptors, the later ones for room in the pool.
  const calls = Array.from({ length: 100 }, () => {
    const fd = openSync(path, 'r');
    const call = client.read(7, { files: Array.from({ length: 10 }, () => fd) });
    closeSync(fd);
    return call;
  });
  for (const texts of await Promise.all(calls))
    t.deepEqual(texts, Array(10).fill(text.slice(0, 7)));
  await nothingIsLeft();
});

test('files of a result belong to the caller, or are closed without resultFiles', async (t) => {
  const { client, nothingIsLeft } = await start(t);
  for (const times of [1, 16]) {
    const files: ReceivedFile[] = [];
    t.is(await client.open({ path, times }, { resultFiles: files }), `${times} of ${path}`);
    t.is(files.length, times);
    for (const file of files) {
      t.is(textOf(file.fd, 10), text.slice(0, 10));
      file.close();
      t.is(file.fd, -1);
    }
    t.is(await client.open({ path, times }), `${times} of ${path}`);
    await nothingIsLeft();
  }
  const sizes = [0, 1000, 60_000];
  for (const size of sizes) {
    const fd = openSync(path, 'r');
    const files: ReceivedFile[] = [];
    const data = new Uint8Array(size).fill(7);
    const echoed = await client.echo(data, { files: [fd, fd], resultFiles: files });
    t.deepEqual(Buffer.from(echoed), Buffer.from(data));
    closeSync(fd);
    t.deepEqual(
      files.map((file) => textOf(file.fd, 3)),
      [text.slice(0, 3), text.slice(0, 3)],
    );
    for (const file of files) file[Symbol.dispose]();
  }
  await nothingIsLeft();
});

test('retained files outlive the call, the others do not', async (t) => {
  const { client, nothingIsLeft } = await start(t);
  const fd = openSync(path, 'r');
  await client.retain(undefined, { files: [fd, fd, fd, fd] });
  closeSync(fd);
  await until(async () => (await client.copies(path)) === 2);
  t.is(await client.copies(path), 2);
  t.deepEqual(await client.retained(), [text.slice(0, 5), text.slice(0, 5)]);
  await nothingIsLeft();
});

test('files that cannot be sent cause an error, and nothing is sent', async (t) => {
  const { client, nothingIsLeft } = await start(t);
  const fd = openSync(path, 'r');
  const closed = await open(path);
  await closed.close();
  const bad = async (files: unknown, code: string, message: RegExp): Promise<void> => {
    const options = { files: files as number[] };
    await t.throwsAsync(client.note('x', options), { instanceOf: LiteIpcError, code, message });
    await t.throwsAsync(client.read(1, options), { instanceOf: LiteIpcError, code, message });
  };
  await bad([fd, closed], 'EBADF', /files\[1\] of files\.\w+ is not open: its fd is -1 \(EBADF\)/);
  await bad([9999], 'EBADF', /files\[0\] of files\.\w+: descriptor 9999 is not open \(EBADF\)/);
  await bad([-1], 'EBADF', /is not open/);
  await bad([1.5], 'EBADF', /is not open/);
  await bad(Array(17).fill(fd), 'EINVAL', /at most 16 files \(EINVAL\)/);
  for (const files of [[fd, 'x'], [null], [{}], fd, 'files']) {
    await t.throwsAsync(client.read(1, { files: files as number[] }), {
      instanceOf: TypeError,
      message: /Expected (a descriptor or an object with an fd|an array) for files.*of files\.read/,
    });
  }
  await t.throwsAsync(client.read(1, { resultFiles: 'x' as unknown as [] }), {
    instanceOf: TypeError,
    message: /Expected an array for resultFiles of files\.read/,
  });
  await t.throwsAsync(client.echo(new Uint8Array(65_520), { files: Array<number>(16).fill(fd) }), {
    code: 'EINVAL',
    message: /with large data a message carries at most 15 files/,
  });
  t.is((await client.echo(new Uint8Array(65_520), { files: [fd] })).length, 65_520);
  await t.throwsAsync(client.inParcel(1, { files: [fd] }), {
    code: 'EINVAL',
    message: /files cannot travel with an input in a parcel format/,
  });
  await t.throwsAsync(client.inParcel(2), {
    message: /its answer is a parcel, so it carries no files/,
  });
  t.is(await client.inParcel(1), 1);
  await t.throwsAsync(client.open({ path, times: 17 }), { message: /at most 16 files/ });
  t.is(await client.noted(), 0);
  closeSync(fd);
  await nothingIsLeft();
});

test('methods that throw, one-way methods and cancelled calls leave no file', async (t) => {
  const { client, device } = await start(t);
  const fd = openSync(path, 'r');
  for (let round = 0; round < 20; round++) {
    const resultFiles: ReceivedFile[] = [];
    const files = [fd, fd, fd];
    await t.throwsAsync(client.fail('why', { files, resultFiles }), { message: 'why' });
    t.is(resultFiles.length, 0);
    await client.note('x', { files });
  }
  t.is(await client.noted(), 60);
  await t.throwsAsync(client.hold(undefined, { files: [fd], timeoutMs: 20 }), { code: 'ETIME' });
  const signal = AbortSignal.timeout(20);
  await t.throwsAsync(client.hold(undefined, { files: [fd], signal }), { name: 'AbortError' });
  const late: ReceivedFile[] = [];
  const aborted = AbortSignal.abort();
  const options = { files: [fd], signal: aborted, resultFiles: late };
  await t.throwsAsync(client.read(3, options), { name: 'AbortError' });
  t.is(device.pendingCalls, 0);
  closeSync(fd);
  await until(() => openCopies(path) === 0);
  t.is(await client.copies(path), 2, 'those of the two calls that are never answered');
  t.deepEqual(late, []);
});

test('a service that terminates leaves no file, whether it received them or not', async (t) => {
  const { client, child } = await start(t);
  const fd = openSync(path, 'r');
  t.deepEqual(await client.read(2, { files: [fd] }), [text.slice(0, 2)]);
  const gone = once(child, 'exit');
  const calls = [
    client.crash(undefined, { files: [fd, fd] }),
    ...Array.from({ length: 20 }, () => client.read(1, { files: [fd, fd, fd] })),
  ];
  const results = await Promise.allSettled(calls);
  await gone;
  t.is(results[0]?.status, 'rejected');
  t.true(results.every((result) => result.status === 'rejected'));
  await until(() => openCopies(path) === 1);
  closeSync(fd);
  t.is(openCopies(path), 0);
});

test('the caller reads what the service wrote to its file', async (t) => {
  const { client, domain } = await start(t);
  const name = join(process.env['XDG_RUNTIME_DIR'] ?? '', `${domain.name}.txt`);
  const file = await open(name, 'w+');
  await client.write('from over there', { files: [file] });
  const buffer = Buffer.alloc(50);
  t.is(buffer.toString('utf8', 0, readSync(file.fd, buffer, 0, 50, 0)), 'from over there');
  await file.close();
  rmSync(name);
});
