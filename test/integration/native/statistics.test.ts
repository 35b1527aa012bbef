/** Tests the native contract (types/native.d.ts): statistics of a task and of its callers. */
import ava from 'ava';
import { ControlOperation } from '#lib/native/layout.js';
import { dropReasonNames } from '#lib/trace/record.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { RawDevice, errno, freshName, makeWorld } from '#test/support/raw-device.js';

usePrivateRuntime();
const test = ava.serial;

async function revoke(manager: RawDevice, process: number, handle: number): Promise<void> {
  const { native } = manager;
  await manager.control(ControlOperation.RemoveAccess, native.callTaskId, process, handle);
}

test('received and queued messages of a task are counted', async (t) => {
  const world = await makeWorld(freshName());
  const { client, service, handle } = world;
  const other = await service.createTask();
  const nothing = { received: 0, queued: 0, waitingLanes: 0, poolMessages: 0, poolBytes: 0 };
  t.like(service.native.statistics(handle), { ...nothing, poolSize: 256 * 1024 });
  t.like(client.native.statistics(client.native.callTaskId), nothing);

  service.onRequest = (event) => {
    if (event.flag === 0) service.reply(event, event.data);
    else service.native.free(event.request);
  };
  t.is((await client.call(handle, new Uint8Array(10))).status, 0);
  for (let index = 0; index < 100; index++)
    t.is(await client.sendOneway(handle, new Uint8Array(10)), 0);
  t.is(service.native.statistics(handle)?.waitingLanes, 1, 'not read yet');
  t.is((await client.call(handle, new Uint8Array(10))).status, 0);
  t.like(service.native.statistics(handle), { ...nothing, received: 102 });
  t.like(service.native.statistics(other), nothing);
  t.is(client.native.statistics(client.native.callTaskId)?.received, 2, 'answers');
  t.is(service.native.statistics(client.native.callTaskId), undefined, 'not of this device');
  t.throws(() => service.native.statistics(-1), { instanceOf: TypeError });
  await world.end();
  t.throws(() => service.native.statistics(handle), { code: 'ENODEV' });
});

test('discarded messages are counted by reason, and callers without a right are identified', async (t) => {
  const world = await makeWorld(freshName());
  const { manager, client, service, handle } = world;
  const { processId, callTaskId, callTaskGeneration } = client.native;
  t.is(await client.sendOneway(handle, new Uint8Array(10)), 0);
  const before = service.native.revocations(handle);
  const status = (since: number, generation = callTaskGeneration): number =>
    service.native.callerStatus(handle, callTaskId, generation, since);
  t.is(status(before), 0);
  t.is(status(before, callTaskGeneration + 1), errno.EPIPE);
  t.is(
    service.native.callerStatus(callTaskId, callTaskId, 1, 0),
    errno.EINVAL,
    'not of this device',
  );

  for (let index = 0; index < 5; index++)
    t.is(await client.sendOneway(handle, new Uint8Array(10)), 0);
  const call = client.call(handle, new Uint8Array(10));
  // The thread of the manager is this one too, and has processed nothing yet.
  await revoke(manager, processId, handle);
  t.is((await call).status, errno.EACCES);
  t.is(status(before), errno.EACCES);
  t.is(service.native.revocations(handle), before + 1);
  const { dropped = [], received = 0 } = service.native.statistics(handle) ?? {};
  t.is(dropped.length, dropReasonNames.length);
  const noRight = dropped[dropReasonNames.indexOf('NO_RIGHT')] ?? 0;
  t.is(noRight + received, 7);
  t.is(
    dropped.reduce((sum, count) => sum + count, 0),
    noRight,
  );

  // After the right is granted again, requests since then are valid and earlier ones remain
  // revoked.
  await manager.control(ControlOperation.AddAccess, manager.native.callTaskId, callTaskId, handle);
  t.is(status(before), errno.EACCES);
  t.is(status(before + 1), 0);
  await client.close();
  t.is(status(before + 1), errno.EPIPE);
  await world.end();
});
