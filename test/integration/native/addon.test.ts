/** Tests the native contract (types/native.d.ts): messages and tasks. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import ava from 'ava';
import {
  ControlOperation,
  EventKind,
  Incoming,
  MessageFlag,
  ObjectType,
  ObjectWords,
  Outgoing,
  TraceWords,
} from '#lib/native/layout.js';
import { loadNativeBinding } from '#lib/native/binding.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import {
  RawDevice,
  becomeManager,
  errno,
  freshName,
  grant,
  makeWorld,
  register,
  type RawEvent,
} from '#test/support/raw-device.js';
import { root } from '#test/support/paths.js';

usePrivateRuntime();
const binding = loadNativeBinding();
// Serial, because some tests measure time.
const test = ava.serial;

function pattern(size: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => (index * 31 + seed) & 255);
}

test('the layouts in C++ equal those in JavaScript', (t) => {
  const header = readFileSync(join(root, 'native/addon/contract.h'), 'utf8');
  const layouts = {
    Outgoing,
    Incoming,
    ObjectWords,
    ObjectType,
    EventKind,
    ControlOperation,
    TraceWords,
  };
  for (const [name, layout] of Object.entries(layouts)) {
    const body = new RegExp(`namespace ${name}\\n\\{\\n([^}]*)\\}`).exec(header)?.[1] ?? '';
    const constants = [...body.matchAll(/constexpr \w+ (\w+) = (\d+);/g)];
    const mirrored = new Map(constants.map(([, key = '', value]) => [key, Number(value)]));
    t.deepEqual(mirrored, new Map<string, number>(Object.entries(layout)), name);
  }
});

test('echo works for every size, from the outbox and from an argument', async (t) => {
  const world = await makeWorld(freshName());
  const { dataLimit } = world.client.native;
  t.is(dataLimit, 65536);
  const sizes = [0, 1, 7, 8, 9, 4095, 16383, 16384, 16385, 40000, dataLimit];
  const answers: [Uint8Array, Uint8Array][] = [];
  for (const asArgument of [false, true]) {
    for (const size of sizes) {
      const data = pattern(size, size);
      const answer = await world.client.call(world.handle, data, { asArgument, code: 3 });
      t.is(answer.status, 0);
      t.deepEqual(Buffer.from(answer.data), Buffer.from(data), `${size} bytes`);
      t.is(answer.event?.isLarge, size > 16384);
      if (size > 16384) answers.push([answer.data, data]);
    }
  }
  for (const [answer, data] of answers) t.deepEqual(Buffer.from(answer), Buffer.from(data));
  await new Promise((resolve) => setImmediate(resolve));
  for (const device of [world.client, world.service]) {
    t.is(device.native.large.length, 0, 'the array is empty after onEvents');
    t.is(device.native.counters()['poolNodes'], 0);
    t.is(device.native.counters()['openRequests'], 0);
  }
  await world.end();
});

test('a request arrives with all its words and the identity of its sender', async (t) => {
  const world = await makeWorld(freshName());
  const { service, client, handle } = world;
  const seen: RawEvent[] = [];
  service.onRequest = (event) => {
    seen.push(event);
    service.reply(event, event.data, 77);
  };
  const before = process.hrtime.bigint();
  const answer = await client.call(handle, pattern(5, 1), {
    code: 0xffff_fff0,
    token: 4_000_000_000,
    cookie: 12,
    deadlineMs: 60_000,
  });
  const request = seen[0];
  t.like(request, {
    kind: EventKind.Message,
    status: 0,
    task: handle,
    type: 0,
    code: 0xffff_fff0,
    token: 4_000_000_000,
    cookie: 12,
    flag: MessageFlag.Default,
    processId: client.native.processId,
    taskId: client.native.callTaskId,
    taskGeneration: client.native.callTaskGeneration,
    pid: process.pid,
    uid: process.getuid?.() ?? NaN,
    gid: process.getgid?.() ?? NaN,
    deadlineMs: 60_000,
  });
  t.true((request?.timestamp ?? 0n) >= before);
  t.true((request?.timestamp ?? 0n) <= process.hrtime.bigint());
  t.like(answer.event, { kind: EventKind.Call, status: 0, type: 1, code: 77, taskId: handle });
  await world.end();
});

test('one-way messages arrive in order and are never answered', async (t) => {
  const world = await makeWorld(freshName());
  const { service, client, handle } = world;
  const codes: number[] = [];
  service.onRequest = (event) => {
    codes.push(event.code);
    if (event.code < 100) service.native.free(event.request);
    else service.reply(event, event.data);
  };
  for (let code = 0; code < 100; code++) {
    t.is(await client.sendOneway(handle, pattern(code, code), { code }), 0);
  }
  t.is((await client.call(handle, new Uint8Array(), { code: 100 })).status, 0);
  t.deepEqual(codes, [...Array(101).keys()]);
  await world.end();
});

test('each of a thousand calls in flight receives its own reply', async (t) => {
  const world = await makeWorld(freshName());
  const { client, handle } = world;
  await client.call(handle, new Uint8Array());
  const answers = await Promise.all(
    Array.from({ length: 1000 }, (_, index) => client.call(handle, pattern(16, index))),
  );
  answers.forEach((answer, index) => {
    t.is(answer.status, 0);
    t.deepEqual(Buffer.from(answer.data), Buffer.from(pattern(16, index)));
  });
  t.is(client.native.counters()['pendingCalls'], 0);
  await world.end();
});

test('a batch may have more data than the inbox', async (t) => {
  const world = await makeWorld(freshName());
  const { service, client, handle } = world;
  await client.call(handle, new Uint8Array());
  const sizes: number[] = [];
  service.onRequest = (event) => {
    t.deepEqual(Buffer.from(event.data), Buffer.from(pattern(event.data.length, event.code)));
    sizes.push(event.data.length);
    service.native.free(event.request);
  };
  let sent = 0;
  for (let status = 0; status === 0; sent += status === 0 ? 1 : 0) {
    const data = pattern(12_000 + sent, sent);
    status = client.tryCall(handle, data, { code: sent }).status;
    if (status !== 0) t.is(status, errno.ENOMEM);
  }
  t.true(sent >= 20, `${sent} messages of 12 kB in a pool of 256 KiB`);
  while (sizes.length < sent) await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(
    sizes,
    Array.from({ length: sent }, (_, index) => 12_000 + index),
  );
  await world.end();
});

test('a refused send returns the reason', async (t) => {
  const world = await makeWorld(freshName());
  const { client, service, manager, handle } = world;
  t.is((await manager.call(handle, new Uint8Array())).status, 0);
  const stranger = await RawDevice.open(world.domain.path);
  t.is((await stranger.call(handle, new Uint8Array())).status, errno.EACCES);
  t.false(stranger.native.hasAccess(handle));
  t.true(client.native.hasAccess(handle));
  t.is((await client.call(handle, new Uint8Array(65537))).status, errno.EMSGSIZE);
  t.is((await client.call(60_000, new Uint8Array())).status, errno.EACCES);
  const { outgoing, outbox } = client.native;
  outgoing[Outgoing.Task] = 4_000_000_000;
  outgoing[Outgoing.DataSize] = 0;
  t.is(client.native.sendRequest(), errno.EINVAL);
  outgoing[Outgoing.Task] = client.native.callTaskId;
  outgoing[Outgoing.Handle] = handle;
  outgoing[Outgoing.DataStart] = outbox.length - 7;
  outgoing[Outgoing.DataSize] = 8;
  t.is(client.native.sendRequest(), errno.EINVAL);
  outgoing[Outgoing.DataStart] = 0xffff_ffff;
  t.is(client.native.sendRequest(), errno.EINVAL);
  outgoing[Outgoing.DataSize] = 0xffff_ffff;
  t.is(client.native.sendRequest(), errno.EMSGSIZE);
  t.is(client.native.sendReply(), errno.EINVAL, 'there is no such request');
  t.is(service.native.control(ControlOperation.TaskExit, 3999, 0, 0, 0, 0, 0), errno.EINVAL);
  t.is(
    client.native.control(ControlOperation.TaskExit, client.native.callTaskId, 0, 0, 0, 0, 0),
    errno.EINVAL,
    'the call task ends with the device',
  );
  await stranger.close();
  await world.end();
});

test('a request can be answered or freed only once', async (t) => {
  const world = await makeWorld(freshName());
  const { service, client, handle } = world;
  const statuses: number[] = [];
  let second = 0;
  service.onRequest = (event) => {
    service.reply(event, event.data, 0, (status) => {
      statuses.push(status);
      service.reply(event, event.data, 0, (again) => {
        second = again;
        statuses.push(service.native.free(event.request));
      });
    });
  };
  t.is((await client.call(handle, pattern(3, 3))).status, 0);
  t.deepEqual(statuses, [0, errno.EINVAL]);
  t.is(second, errno.EINVAL);
  for (const request of [0, 1, 0xffff_ffff, 1 << 22]) {
    t.is(service.native.free(request), errno.EINVAL);
  }
  await world.end();
});

test('a cancelled call gets no event, and its reply is discarded', async (t) => {
  const world = await makeWorld(freshName());
  const { service, client, handle } = world;
  await client.call(handle, new Uint8Array());
  const held: RawEvent[] = [];
  service.onRequest = (event) => held.push(event);
  const { status, callId, ended } = client.tryCall(handle, pattern(3, 3));
  t.is(status, 0);
  let hasEnded = false;
  void ended.then(() => (hasEnded = true));
  t.is(client.native.counters()['pendingCalls'], 1);
  t.is(client.native.cancel(callId), 0);
  t.is(client.native.cancel(callId), errno.ENOENT);
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
  service.echo();
  for (const event of held) service.reply(event, event.data);
  t.is((await client.call(handle, new Uint8Array())).status, 0);
  t.false(hasEnded);
  t.is(client.native.counters()['dropped'], 1);
  await world.end();
});

test('query returns the identity of a task', async (t) => {
  const world = await makeWorld(freshName());
  const { client, service, handle } = world;
  t.like(client.native.query(handle), {
    taskId: handle,
    processId: service.native.processId,
    pid: process.pid,
    uid: process.getuid?.() ?? NaN,
    gid: process.getgid?.() ?? NaN,
    alive: true,
  });
  t.is(client.native.query(4_000_000_000), undefined);
  t.is(client.native.query(0), undefined);
  await world.end();
});

test('when a task ends, calls to it fail, a death notice arrives, and its ID is not reused', async (t) => {
  const world = await makeWorld(freshName());
  const { service, client, handle } = world;
  const ipcTask = await client.createTask();
  t.is((await client.control(ControlOperation.SetIpcTask, ipcTask)).status, 0);
  await client.call(handle, new Uint8Array());
  service.onRequest = () => undefined;
  const notice = new Promise<RawEvent>((resolve) => (client.onDeath = resolve));
  const pending = client.call(handle, new Uint8Array());
  t.is((await service.control(ControlOperation.TaskExit, handle)).status, 0);
  t.is((await pending).status, errno.EPIPE);
  t.like(await notice, { type: 3, task: ipcTask, token: handle, request: 0 });
  t.is(service.native.control(ControlOperation.TaskExit, handle, 0, 0, 0, 0, 0), errno.EINVAL);
  t.is(client.native.counters()['poolNodes'], 0);
  await world.end();
});

test('promises and nextTick of a callback run before the next timer', async (t) => {
  const world = await makeWorld(freshName());
  const { service, client, handle } = world;
  const order: string[] = [];
  service.onRequest = (event) => {
    setTimeout(() => order.push('timer'), 0);
    void Promise.resolve().then(() => order.push('promise'));
    process.nextTick(() => order.push('tick'));
    service.reply(event, event.data);
  };
  await client.call(handle, new Uint8Array());
  await sleep(10);
  t.deepEqual(order.slice(0, 2), ['tick', 'promise']);
  await world.end();
});

test('when the domain stops, pending calls fail before the final Lost event', async (t) => {
  const world = await makeWorld(freshName());
  const { client, service, handle } = world;
  await client.call(handle, new Uint8Array());
  service.onRequest = () => undefined;
  const kinds: number[] = [];
  client.onAny = (event) => kinds.push(event.kind);
  const pending = client.call(handle, new Uint8Array());
  world.domain.stop();
  t.is((await pending).status, errno.ENODEV);
  await client.whenLost();
  t.is(kinds.at(-1), EventKind.Lost);
  t.is(kinds.filter((kind) => kind === EventKind.Lost).length, 1);
  const status = client.native.control(ControlOperation.TaskCreate, 0, 0, 0, 0, 0, 1);
  t.is(status, errno.ENODEV);
  t.is((await client.call(handle, new Uint8Array())).status, errno.ENODEV);
  await world.end();
});

test('a flood of messages does not starve timers', async (t) => {
  const world = await makeWorld(freshName());
  const { client, handle } = world;
  let going = true;
  const loops = Array.from({ length: 256 }, async () => {
    let count = 0;
    for (; going; count++) await client.call(handle, new Uint8Array(16));
    return count;
  });
  for (let timers = 0; timers < 30; timers++) {
    await sleep(1);
  }
  going = false;
  const calls = (await Promise.all(loops)).reduce((sum, count) => sum + count, 0);
  t.true(calls > 256 + 30, `${calls} calls, so the flood went on all the time`);
  await world.end();
});

test('a second manager is refused', async (t) => {
  const name = freshName();
  const domain = binding.startDomain({ name });
  const first = await RawDevice.open(name);
  const firstTask = await becomeManager(first);
  const second = await RawDevice.open(name);
  await t.throwsAsync(becomeManager(second), { message: 'SetCms: -17' });
  const handle = await register(first, firstTask, second);
  await grant(first, firstTask, second.native.callTaskId, handle);
  await second.close();
  await first.close();
  domain.stop();
});
