/**
 * Tests the native contract (types/native.d.ts) against hostile or careless use: no crash, and no
 * silent loss.
 */
import { MessageChannel } from 'node:worker_threads';
import ava from 'ava';
import type { NativeDevice } from '../../../types/native.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { errno, freshName, makeWorld } from '#test/support/raw-device.js';

usePrivateRuntime();
// Serial, because some tests replace the handler of uncaught exceptions.
const test = ava.serial;

test('an exception in onEvents is uncaught, and later events arrive', async (t) => {
  const name = freshName();
  const world = await makeWorld(name);
  const { service, client, handle } = world;
  let throwNext = true;
  const echo = service.onRequest;
  service.onRequest = (event) => {
    echo(event);
    if (throwNext) {
      throwNext = false;
      throw new Error('thrown by onEvents');
    }
  };
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const uncaught = new Promise<Error>((resolve) => process.once('uncaughtException', resolve));
  t.is((await client.call(handle, new Uint8Array(9))).status, 0);
  t.is((await uncaught).message, 'thrown by onEvents');
  for (const listener of listeners) process.on('uncaughtException', listener);
  t.is((await client.call(handle, new Uint8Array(9))).status, 0);
  await world.end();
});

/** Transfers the buffer, like hostile or careless code. */
function steal(device: NativeDevice): void {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(device.outbox, [device.outbox.buffer as ArrayBuffer]);
  port1.close();
  port2.close();
}

test('after a transfer of the outbox sends throw EFAULT, and closing works', async (t) => {
  const world = await makeWorld(freshName());
  const { client } = world;
  steal(client.native);
  t.is(client.native.outbox.length, 0);
  const expected = { code: 'EFAULT', message: /was transferred away: close the device/ };
  t.throws(() => client.native.sendRequest(), expected);
  t.throws(() => client.native.sendRequest(new Uint8Array(3)), expected);
  t.throws(() => client.native.sendReply(), expected);
  t.is(typeof client.native.counters()['sent'], 'number');
  await world.end();
});

test('a transfer of the inbox causes an uncaught exception, and the device closes', async (t) => {
  const world = await makeWorld(freshName());
  const { client, service, handle } = world;
  await client.call(handle, new Uint8Array());
  steal(service.native);
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const uncaught = new Promise<Error>((resolve) => process.once('uncaughtException', resolve));
  t.is((await client.call(handle, new Uint8Array())).status, errno.EPIPE);
  t.is(((await uncaught) as NodeJS.ErrnoException).code, 'EFAULT');
  for (const listener of listeners) process.on('uncaughtException', listener);
  t.throws(() => service.native.sendReply(), { code: 'ENODEV' });
  await service.close();
  await world.end();
});

test('transferred data is rejected instead of sent as empty', async (t) => {
  const world = await makeWorld(freshName());
  const data = new Uint8Array(10);
  structuredClone(data, { transfer: [data.buffer] });
  t.throws(() => world.client.native.sendRequest(data), {
    instanceOf: TypeError,
    message: /whose buffer was transferred away/,
  });
  await world.end();
});

test('setters and frozen arrays that intercept large messages cause no damage', async (t) => {
  const world = await makeWorld(freshName());
  const { client, handle } = world;
  Object.freeze(client.native.large);
  t.is((await client.call(handle, new Uint8Array(60_000))).status, 0);
  const { service } = world;
  let closed: Promise<void> | undefined;
  Object.defineProperty(service.native.large, 0, {
    set: () => {
      closed = service.close();
    },
  });
  t.is((await client.call(handle, new Uint8Array(60_000))).status, errno.EPIPE);
  await closed;
  await world.end();
});

test('a device can be closed within onEvents', async (t) => {
  const world = await makeWorld(freshName());
  const { client, service, handle } = world;
  let closed: Promise<void> | undefined;
  service.onRequest = () => {
    closed = service.close();
  };
  t.is((await client.call(handle, new Uint8Array())).status, errno.EPIPE);
  await closed;
  await world.end();
});
