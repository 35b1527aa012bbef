/** Tests the native contract (types/native.d.ts): objects of messages and their ownership. */
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  readlinkSync,
} from 'node:fs';
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { setTimeout as sleep } from 'node:timers/promises';
import ava from 'ava';
import { ObjectType, ObjectWords } from '#lib/native/layout.js';
import { loadNativeBinding } from '#lib/native/binding.js';
import type { NativeDescriptor } from '../../../types/native.js';
import { testProgram } from '#test/support/paths.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import {
  RawDevice,
  errno,
  freshName,
  grant,
  makeWorld,
  rawObject,
  register,
  type RawEvent,
  type World,
} from '#test/support/raw-device.js';

usePrivateRuntime();
// Serial, because the tests count descriptors.
const test = ava.serial;
const own = import.meta.filename;

/** Returns the number of descriptors of this process for the file that the tests send. */
function descriptors(): number {
  return readdirSync('/proc/self/fd').filter((fd) => linkOf(fd) === own).length;
}

function linkOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined; // closed meanwhile
  }
}

/** Waits until this number of descriptors is open. Returns their number. */
async function descriptorsSettle(expected: number): Promise<number> {
  for (let round = 0; descriptors() !== expected && round < 400; round++) {
    await sleep(5);
  }
  return descriptors();
}

function files(...fds: readonly number[]): Uint32Array {
  return Uint32Array.from(fds.flatMap((fd) => rawObject.descriptor(fd)));
}

function isSameFile(one: number, other: number): boolean {
  return one !== other && fstatSync(one).ino === fstatSync(other).ino;
}

function textOf(fd: number): string {
  const buffer = Buffer.alloc(20);
  return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, 0));
}

/** Calls with the same descriptor `count` times. */
async function sendFile(world: World, fd: number, count = 1): Promise<number> {
  const objects = files(...Array.from({ length: count }, () => fd));
  return (await world.client.call(world.handle, Uint8Array.of(1, 2, 3), { objects })).status;
}

test('descriptors and services arrive before the data, in calls and replies', async (t) => {
  const world = await makeWorld(freshName());
  const { service, client, handle } = world;
  const fd = openSync(own, 'r');
  const before = descriptors();
  const adopted: NativeDescriptor[] = [];
  const seen: RawEvent[] = [];
  service.onRequest = (event) => {
    seen.push(event);
    const file = service.native.adopt(event.objects[0]?.values[0] ?? -1);
    adopted.push(file);
    t.true(isSameFile(fd, file.fd));
    service.reply(event, event.data.subarray(48), 5, undefined, files(fd, fd));
  };
  let inAnswer: NativeDescriptor[] = [];
  client.onAny = ({ objects }) => {
    inAnswer = inAnswer.concat(objects.map(({ values }) => client.native.adopt(values[0])));
  };
  for (const size of [0, 1, 1000, 40_000, client.native.dataLimit - 48]) {
    const data = Uint8Array.from({ length: size }, (_, index) => index & 255);
    const objects = Uint32Array.from([...rawObject.descriptor(fd), ...rawObject.service(-1, 1, 7)]);
    for (const asArgument of [false, true]) {
      const answer = await client.call(handle, data, { objects, asArgument });
      t.is(answer.status, 0);
      t.deepEqual(Buffer.from(answer.data.subarray(48)), Buffer.from(data));
      t.deepEqual(
        answer.event?.objects.map(({ type, offset }) => [type, offset]),
        [
          [ObjectType.Descriptor, 0],
          [ObjectType.Descriptor, 24],
        ],
      );
      t.deepEqual(seen.at(-1)?.objects[1], {
        type: ObjectType.Service,
        values: [client.native.callTaskId, 1, 7],
        offset: 24,
      });
    }
  }
  t.true(service.native.hasAccess(client.native.callTaskId), 'who gets a service may call it');
  t.is(adopted.length, 10);
  t.is(inAnswer.length, 20);
  for (const file of [...adopted, ...inAnswer]) {
    t.is(textOf(file.fd), readFileSync(own, 'utf8').slice(0, 20));
    file.close();
    file.close();
    t.is(file.fd, -1);
  }
  t.is(await descriptorsSettle(before), before);
  await new Promise((resolve) => setImmediate(resolve));
  t.is(service.native.objects.length, 0, 'the array is empty after onEvents');
  closeSync(fd);
  await world.end();
});

test('descriptors that are not adopted are closed after onEvents, even if it throws', async (t) => {
  const world = await makeWorld(freshName());
  const { service } = world;
  const fd = openSync(own, 'r');
  t.is(await sendFile(world, fd, 1), 0);
  const before = 1;
  for (let round = 0; round < 50; round++) t.is(await sendFile(world, fd, 16), 0);
  t.is(await descriptorsSettle(before), before);

  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const uncaught = once(process, 'uncaughtException');
  const echo = service.onRequest;
  service.onRequest = (event) => {
    echo(event);
    throw new Error('thrown by onEvents');
  };
  t.is(await sendFile(world, fd, 16), 0);
  await uncaught;
  for (const listener of listeners) process.on('uncaughtException', listener);
  service.onRequest = echo;
  t.is(await descriptorsSettle(before), before);

  let arrived = -1;
  service.onRequest = (event) => {
    arrived = event.objects[0]?.values[0] ?? -1;
    echo(event);
  };
  t.is(await sendFile(world, fd, 1), 0);
  await new Promise((resolve) => setImmediate(resolve));
  t.throws(() => service.native.adopt(arrived), { code: 'EBADF', message: /did not come with/ });
  t.throws(() => service.native.adopt(fd), { code: 'EBADF' }, 'another descriptor');
  closeSync(fd);
  await world.end();
});

test('released descriptors belong to the program, and unreferenced ones are collected', async (t) => {
  const world = await makeWorld(freshName());
  const { service } = world;
  const fd = openSync(own, 'r');
  t.is(await sendFile(world, fd, 1), 0);
  const before = 1;
  let released = -1;
  const echo = service.onRequest;
  service.onRequest = (event) => {
    const [first, ...others] = event.objects.map(({ values }) => service.native.adopt(values[0]));
    for (const other of others) t.true(other.fd > 0);
    released = first?.release() ?? -1;
    t.is(first?.fd, -1);
    first?.close();
    echo(event);
  };
  t.is(await sendFile(world, fd, 10), 0);
  service.onRequest = echo;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; descriptors() > before + 1 && round < 100; round++) {
    collect();
    await sleep(5);
  }
  t.is(descriptors(), before + 1);
  t.true(isSameFile(fd, released));
  closeSync(released);
  closeSync(fd);
  await world.end();
});

test('a device that closes in onEvents leaves no descriptor', async (t) => {
  const fd = openSync(own, 'r');
  const before = descriptors();
  for (let round = 0; round < 10; round++) {
    const world = await makeWorld(freshName());
    const { service, client, handle } = world;
    t.is(await sendFile(world, fd, 1), 0);
    const adopted: NativeDescriptor[] = [];
    service.onRequest = ({ objects }) => {
      adopted.push(service.native.adopt(objects[0]?.values[0] ?? -1));
      void service.close();
    };
    const objects = files(fd, fd, fd);
    // Several, so that some are still in the lane and some in the queue.
    const calls = Array.from(
      { length: 4 },
      () => client.tryCall(handle, Uint8Array.of(1), { objects }).ended,
    );
    await Promise.allSettled(calls);
    await world.end();
    t.true(adopted.length > 0);
    for (const file of adopted) {
      t.true(isSameFile(fd, file.fd), 'what was adopted stays');
      file.close();
    }
  }
  t.is(await descriptorsSettle(before), before);
  closeSync(fd);
});

test('a terminated worker leaves no adopted descriptor', async (t) => {
  const world = await makeWorld(freshName());
  const { service, manager, managerTask, handle } = world;
  const fd = openSync(own, 'r');
  service.onRequest = (event) => {
    service.reply(event, event.data, 0, undefined, files(fd, fd, fd, fd, fd));
  };
  for (let round = 0; round < 6; round++) {
    const workerData = { domain: world.domain.path, mode: 'descriptors' };
    const worker = new Worker(testProgram('addon-worker'), { workerData });
    const [task] = (await once(worker, 'message')) as [number];
    await grant(manager, managerTask, task, handle);
    worker.postMessage(handle);
    const [adopted] = (await once(worker, 'message')) as [number[]];
    t.is(adopted.length, 3);
    for (const file of adopted) t.true(isSameFile(fd, file));
    await worker.terminate();
    for (let wait = 0; world.domain.counters().processes !== 3 && wait < 200; wait++) {
      await sleep(5);
    }
    t.is(await descriptorsSettle(1), 1);
  }
  closeSync(fd);
  await world.end();
});

test('with invalid objects nothing is sent, and the request can still be answered', async (t) => {
  const world = await makeWorld(freshName());
  const { service, client, handle, manager, managerTask } = world;
  const fd = openSync(own, 'r');
  const stranger = await RawDevice.open(world.domain.path);
  const secret = await register(manager, managerTask, stranger);
  t.is(await sendFile(world, fd, 16), 0);
  const before = 1;
  const refused = async (objects: Uint32Array, data = new Uint8Array()): Promise<number> =>
    (await client.call(handle, data, { objects })).status;
  t.is(await refused(files(9999)), errno.EBADF);
  t.is(await refused(files(-1)), errno.EBADF);
  t.is(await refused(files(fd, fd, 9999)), errno.EBADF);
  t.is(await refused(files(...Array.from({ length: 17 }, () => fd))), errno.EINVAL);
  t.is(await refused(new Uint32Array(ObjectWords.Words * 257)), errno.EINVAL);
  t.is(await refused(new Uint32Array(ObjectWords.Words - 1)), errno.EINVAL);
  t.is(await refused(Uint32Array.of(ObjectType.Memory, 1, 2, 3, 4)), errno.EINVAL);
  t.is(await refused(Uint32Array.of(77, 1, 2, 3, 4)), errno.EINVAL);
  t.is(await refused(files(fd), new Uint8Array(client.native.dataLimit - 23)), errno.EMSGSIZE);
  t.is(await refused(Uint32Array.from(rawObject.service(secret, 0, 0))), errno.EACCES);
  t.is(await refused(Uint32Array.from(rawObject.service(3999, 0, 0))), errno.EINVAL);
  t.is(await refused(new Uint32Array()), 0, 'no objects are no objects');
  for (const list of [[], 'x', new Uint8Array(20), null]) {
    const message = /Expected a Uint32Array for objects but received/;
    t.throws(() => client.native.sendRequest(undefined, list as unknown as Uint32Array), {
      instanceOf: TypeError,
      message,
    });
  }
  const statuses: number[] = [];
  service.onRequest = (event) => {
    const settled = (status: number): void => {
      statuses.push(status);
    };
    service.reply(event, event.data, 0, settled, files(9999));
    service.reply(event, event.data, 0, settled, files(...Array.from({ length: 17 }, () => fd)));
    service.reply(event, event.data, 0, settled, Uint32Array.of(77, 1, 2, 3, 4));
    service.reply(event, event.data, 3, settled);
  };
  const answer = await client.call(handle, Uint8Array.of(8));
  t.like(answer, { status: 0, data: Uint8Array.of(8) });
  t.deepEqual(statuses, [errno.EBADF, errno.EINVAL, errno.EINVAL, 0]);
  t.is(await descriptorsSettle(before), before);
  t.is(service.native.counters()['openRequests'], 0);
  t.is(service.native.counters()['poolNodes'], 0);
  closeSync(fd);
  await stranger.close();
  await world.end();
});

test('duplicateDescriptor returns a descriptor that is closed like the others', async (t) => {
  const binding = loadNativeBinding();
  const fd = openSync(own, 'r');
  const before = descriptors();
  const copy = binding.duplicateDescriptor(fd);
  t.true(isSameFile(fd, copy.fd));
  closeSync(fd);
  t.is(textOf(copy.fd), readFileSync(own, 'utf8').slice(0, 20));
  copy.close();
  t.is(copy.release(), -1);
  t.throws(() => binding.duplicateDescriptor(9999), { code: 'EBADF', message: /9999 is not open/ });
  for (const bad of [-1, 1.5, '3', undefined]) {
    t.throws(() => binding.duplicateDescriptor(bad as number), { instanceOf: TypeError });
  }
  const forged = Reflect.get(copy, 'constructor') as new () => unknown;
  t.throws(() => new forged(), { instanceOf: TypeError, message: /comes from adopt/ });
  t.is(await descriptorsSettle(before - 1), before - 1);
});
