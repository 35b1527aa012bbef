/**
 * A client that goes round the TypeScript layer, a C program of another user, gets nothing that the
 * policy denies. Needs root.
 */
import { join } from 'node:path';
import { type ExecutionContext } from 'ava';
import { unpack } from 'msgpackr';
import { ServiceManager, allow, defineService, limit, method, oneway, openDevice } from 'liteipc';
import type { AuditEvent, PolicyInput } from 'liteipc/manager';
import { shapeOf } from '#lib/contract/shape.js';
import { CONTROL_CODE } from '#lib/service/control.js';
import { methodsOf } from '#lib/contract/method-table.js';
import { Registry } from '#lib/registry/protocol.js';
import { asRoot } from '#test/support/conditions.js';
import { Bypass } from '#test/support/bypass.js';
import { makeOpenFolder } from '#test/support/other-user.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();

/** A user that no file of this checkout belongs to. */
const OTHER = 64_011;
const Safe = defineService('safe', {
  open: method<unknown, string>(),
  look: method<unknown, string>(),
  drop: oneway<unknown>(),
});
const Hidden = defineService('hidden', { open: method<unknown, string>() });
/** Numbers of the methods. */
const [OPEN, LOOK, DROP] = [0, 1, 2];
const codeOf = (name: string): number =>
  methodsOf(Registry).findIndex((each) => each.method === name);

const folder = makeOpenFolder();

interface Scene {
  readonly manager: ServiceManager;
  readonly client: Bypass;
  /** Handles of the services. */
  readonly safe: number;
  readonly hidden: number;
  /** What the services have been given. */
  readonly done: string[];
  readonly events: AuditEvent[];
}

let domains = 0;

async function setScene(t: ExecutionContext, policy: PolicyInput): Promise<Scene> {
  const domain = join(folder, `domain-${++domains}.sock`);
  const manager = await ServiceManager.start({ domain, socketMode: 0o666, policy });
  t.teardown(() => manager.close());
  const events: AuditEvent[] = [];
  manager.on('audit', (event) => events.push(event));
  const device = await openDevice({ domain });
  t.teardown(() => device.close());
  const done: string[] = [];
  const does = (name: string) => () => {
    done.push(name);
    return name;
  };
  const implementation = {
    open: does('open'),
    look: does('look'),
    drop: () => void does('drop')(),
  };
  const quiet = { onError: () => undefined };
  const { handle: safe } = await device.expose(Safe, implementation, quiet);
  const { handle: hidden } = await device.expose(Hidden, { open: does('hidden') }, quiet);
  const client = await Bypass.start(domain, OTHER);
  t.teardown(() => client.end());
  return { manager, client, safe, hidden, done, events };
}

/** Asks the manager as any client does. */
function lookup({ client }: Scene, contract: typeof Safe | typeof Hidden) {
  const { name, hash } = contract;
  return client.call(0, codeOf('lookup'), { name, hash });
}

asRoot(
  'a service that was not granted: no message reaches it, not by guessing its handle',
  async (t) => {
    const scene = await setScene(t, [allow(Safe).to({ uid: OTHER })]);
    const { client, safe, hidden, done } = scene;
    t.like(await client.call(safe, LOOK), { done: 0, error: 'EACCES' });
    t.like(await lookup(scene, Hidden), { done: 0, error: 'ENOENT' });
    t.like(await client.call(hidden, 0), { done: 0, error: 'EACCES' });
    t.like(await client.sendOneway(hidden, 0), { done: 0, error: 'EACCES' });
    const found = await lookup(scene, Safe);
    t.like(unpack(found.reply), { handle: safe });
    t.is(unpack((await client.call(safe, LOOK)).reply), 'look');
    // Nor can what it may not call be passed to somebody.
    t.like(await client.command(`pass ${safe} ${hidden}`), { done: 0, error: 'EACCES' });
    t.deepEqual(done, ['look']);
  },
);

asRoot('the rights of the ServiceManager are not to be had', async (t) => {
  const scene = await setScene(t, [allow(Safe).to({ uid: OTHER })]);
  const { client, hidden, done, manager } = scene;
  t.true((await lookup(scene, Safe)).done === 1);
  for (const task of [0, 1, 2, 3, 4, 5, 6, hidden]) {
    t.like(await client.command(`add ${task} ${hidden}`), { done: 0, error: 'EACCES' });
    t.like(await client.command(`make ${task}`), { done: 0, error: 'EACCES' });
  }
  t.like(await client.command('manage'), { done: 0, failed: 1 });
  t.like(await client.call(hidden, 0), { done: 0, error: 'EACCES' });
  t.deepEqual(done, []);
  t.is(manager.services().length, 2);
});

asRoot('a name that it may not serve is not registered, nor taken, nor spoken for', async (t) => {
  const scene = await setScene(t, [allow('mine').toServe({ uid: OTHER })]);
  const { client, manager, events } = scene;
  const shape = shapeOf(Safe.methods);
  const register = (name: string) => client.call(0, codeOf('register'), { name, shape });
  t.like(await register('shop'), { done: 0, error: 'ENOENT' });
  t.like(await register('safe'), { done: 0, error: 'ENOENT' });
  t.like(await client.call(0, codeOf('unregister'), { name: 'safe' }), { done: 0 });
  const entry = [manager.services()[0]?.owner.taskId, 1, 0, 0, 1000];
  const report = { name: 'safe', entries: [entry], others: 0 };
  t.like(await client.call(0, codeOf('refused'), report), { done: 0, error: 'ENOENT' });
  t.false(events.some(({ occasion }) => occasion === 'message'));
  t.like(await register('mine'), { done: 1 });
  t.deepEqual(
    manager.services().map(({ name, owner }) => [name, owner.uid]),
    [
      ['safe', 0],
      ['hidden', 0],
      ['mine', OTHER],
    ],
  );
});

asRoot('methods that are not admitted, whatever the message says', async (t) => {
  const scene = await setScene(t, [allow(Safe, 'look').to({ uid: OTHER })]);
  const { client, safe, done, events } = scene;
  t.is((await lookup(scene, Safe)).done, 1);
  t.is((await client.call(safe, LOOK)).done, 1);
  for (const code of [OPEN, 3, 77, 0x1_0000 + LOOK, 0x8000_0000]) {
    for (const [token, cookie] of [
      [0, 0],
      [LOOK, 2],
      [0xffff_ffff, 0xffff_ffff],
    ] as const) {
      t.like(await client.call(safe, code, undefined, { token, cookie }), {
        ...{ done: 0, error: 'ENOENT' },
      });
      t.is((await client.sendOneway(safe, code, undefined, { token, cookie })).done, 1);
    }
  }
  t.is((await client.sendOneway(safe, DROP, 'it', { times: 50 })).done, 50);
  t.is((await client.call(safe, LOOK)).done, 1);
  t.deepEqual(done, ['look', 'look']);
  await until(() => events.some((event) => event.method === 'drop' && event.count === 50));
  const event = events.find(({ method: name }) => name === 'open');
  t.like(event, { allowed: false, caller: { uid: OTHER, gid: OTHER } });
});

asRoot('over its quota: nothing is done, by calls or one-way, by one process or two', async (t) => {
  const scene = await setScene(t, [
    allow(Safe).to({ uid: OTHER }),
    limit(Safe, { callsPerSecond: 0.001, burst: 10 }).to({ uid: OTHER }),
  ]);
  const { client, safe, done, manager } = scene;
  t.is((await lookup(scene, Safe)).done, 1);
  t.is((await client.sendOneway(safe, DROP, undefined, { times: 4 })).done, 4);
  t.like(await client.call(safe, LOOK, undefined, { times: 20 }), {
    ...{ done: 6, failed: 14, error: 'ENOENT' },
  });
  t.is((await client.sendOneway(safe, DROP, undefined, { times: 20 })).done, 20);
  const second = await Bypass.start(manager.path, OTHER);
  t.teardown(() => second.end());
  t.is((await lookup({ ...scene, client: second }, Safe)).done, 1);
  t.like(await second.call(safe, LOOK, undefined, { times: 5 }), { done: 0, failed: 5 });
  t.is(done.length, 10);
});

asRoot('bytes beyond its quota', async (t) => {
  const scene = await setScene(t, [
    allow(Safe).to({ uid: OTHER }),
    limit(Safe, { bytesPerSecond: 0.001, burstBytes: 4000 }).to({ gid: OTHER }),
  ]);
  const { client, safe, done } = scene;
  t.is((await lookup(scene, Safe)).done, 1);
  const text = 'x'.repeat(900);
  t.like(await client.call(safe, LOOK, text, { times: 9 }), { done: 4, failed: 5 });
  t.is(done.length, 4);
});

asRoot('revoked: nothing more, not by the handle that it had', async (t) => {
  const scene = await setScene(t, [allow(Safe).to({ uid: OTHER })]);
  const { client, safe, done, manager } = scene;
  t.is((await lookup(scene, Safe)).done, 1);
  t.is((await client.call(safe, LOOK)).done, 1);
  t.is(await manager.revoke(Safe, { uid: OTHER }, ['look']), 1);
  t.like(await client.call(safe, LOOK), { done: 0, error: 'ENOENT' });
  t.is((await client.call(safe, OPEN)).done, 1);
  t.is(await manager.revoke(Safe, { uid: OTHER }), 1);
  for (const code of [OPEN, LOOK]) {
    t.like(await client.call(safe, code), { done: 0, error: 'EACCES' });
  }
  t.like(await client.sendOneway(safe, DROP), { done: 0, error: 'EACCES' });
  t.like(await lookup(scene, Safe), { done: 0, error: 'ENOENT' });
  t.like(await client.call(safe, LOOK), { done: 0, error: 'EACCES' });
  t.deepEqual(done, ['look', 'open']);
});

asRoot('forged words of the ServiceManager change no rule', async (t) => {
  const scene = await setScene(t, [allow(Safe, 'look').to({ uid: OTHER })]);
  const { client, safe, done } = scene;
  t.is((await lookup(scene, Safe)).done, 1);
  for (let code = CONTROL_CODE; code < CONTROL_CODE + 16; code++) {
    for (const key of [undefined, 'key', Buffer.alloc(0), Buffer.alloc(16), Buffer.alloc(64)]) {
      const forged = { restricted: false, entries: [], key };
      t.like(await client.call(safe, code, forged), { done: 0, error: 'ENOENT' });
      t.is((await client.sendOneway(safe, code, forged)).done, 1);
    }
  }
  t.like(await client.call(safe, OPEN), { done: 0, error: 'ENOENT' });
  t.is((await client.call(safe, LOOK)).done, 1);
  t.deepEqual(done, ['look']);
});
