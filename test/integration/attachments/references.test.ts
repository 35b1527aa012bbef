/**
 * Tests services as values: callbacks and delegation between processes, the end of a reference, and
 * forged references.
 */
import { type ChildProcess } from 'node:child_process';
import ava, { type ExecutionContext } from 'ava';
import { pack } from 'msgpackr';
import {
  Reference,
  allow,
  defineService,
  method,
  openDevice,
  type ImplementationOf,
} from 'liteipc';
import { startProgram } from '#test/support/child-program.js';
import { Big, Listener } from '#test/support/big-data.js';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava;

const serve = (t: ExecutionContext, domain: string): Promise<ChildProcess> =>
  startProgram(t, 'big-data-service', [domain]);

function listener(heard: string[]): ImplementationOf<typeof Listener> {
  return {
    changed: (text) => heard.push(text),
    note: (text) => {
      heard.push(`noted ${text}`);
    },
  };
}

test('a service calls a callback of the client until the client withdraws it', async (t) => {
  const domain = await startDomain(t);
  await serve(t, domain.name);
  const device = await domain.open();
  const client = await device.service(Big);
  const heard: string[] = [];
  const anonymous = await device.exposeAnonymous(Listener, listener(heard));
  const { reference } = anonymous;
  t.is(reference.name, 'listener');
  t.true(reference.alive);
  await client.subscribe(reference);
  t.deepEqual(await client.announce('one'), [1]);
  t.deepEqual(await client.announce('two'), [2]);
  t.deepEqual(heard, ['one', 'two']);
  // It is not listed: only the owner of the reference finds it.
  t.deepEqual(
    domain.manager.services().map(({ name }) => name),
    ['big'],
  );
  await t.throwsAsync(device.service(Listener), { code: 'ENOENT' });
  // It comes back as a reference, at any depth of a value, and leads to the same service.
  const value = { list: [reference], map: new Map([['it', reference]]) };
  const back = (await client.echo(value)) as typeof value;
  t.true(back.list[0] instanceof Reference);
  const own = await (back.map.get('it') as Reference<typeof Listener>).connect(Listener);
  t.is(await own.changed('three'), 3);
  await anonymous.dispose();
  await anonymous.dispose();
  t.false(reference.alive);
  await t.throwsAsync(client.announce('four'), { code: 'ENOENT' });
  await t.throwsAsync(client.subscribe(reference), {
    code: 'ENOENT',
    message:
      /^big\.subscribe: input: The reference to "listener" cannot be used: the service has ended \(ENOENT\)$/,
  });
  await t.throwsAsync(own.changed('five'), { code: 'ENOENT' });
});

test('a process without the right to call a service can receive and pass on a reference to it', async (t) => {
  const Vault = defineService('vault', { open: method<string, string>() });
  const Agent = defineService('agent', {
    use: method<Reference<typeof Vault>, string>(),
    give: method<void, Reference<typeof Vault>>(),
  });
  const isFirst = { processId: 0 };
  const domain = await startDomain(t, {
    policy: [allow('vault').to({ predicate: () => isFirst.processId === 0 })],
  });
  const vault = await domain.open();
  await vault.expose(Vault, { open: (what, call) => `${what} for ${call.caller.processId}` });
  const friend = await domain.open();
  const friendly = await friend.service(Vault);
  isFirst.processId = 1;
  const agent = await domain.open();
  let received: Reference<typeof Vault> | undefined;
  await agent.expose(Agent, {
    use: async (reference) => {
      received = reference;
      return (await reference.connect(Vault)).open('door');
    },
    give: () => received as Reference<typeof Vault>,
  });
  await t.throwsAsync(agent.service(Vault), { code: 'EACCES' });
  const client = await friend.service(Agent);
  const answer = await client.use(friend.reference(Vault, friendly));
  t.is(answer, `door for ${agent.processId}`);
  const third = await domain.open();
  await t.throwsAsync(third.service(Vault), { code: 'EACCES' });
  const arrived = await (await third.service(Agent)).give();
  t.is(await (await arrived.connect(Vault)).open('box'), `box for ${third.processId}`);
  // The same for a service of the own device.
  const exposedHere = await vault.expose(Listener, listener([]));
  const own = vault.reference(Listener, exposedHere);
  t.true(own.alive);
  t.throws(() => vault.reference(Vault, exposedHere as never), { instanceOf: TypeError });
  t.throws(() => vault.reference(Vault, friendly), { instanceOf: TypeError });
});

test('a reference is rejected with another contract and by another device', async (t) => {
  const domain = await startDomain(t);
  await serve(t, domain.name);
  const [device, other] = [await domain.open(), await domain.open()];
  const { reference } = await device.exposeAnonymous(Listener, listener([]));
  const Other = defineService('listener', { changed: method<string, number>() });
  await t.throwsAsync((reference as Reference).connect(Other), {
    code: 'EPROTO',
    message: /Service "listener" has another contract: the service also has "note"/,
  });
  const client = await other.service(Big);
  await t.throwsAsync(client.subscribe(reference), {
    code: 'EINVAL',
    message:
      /input: the reference to "listener" belongs to another device: send it from that device/,
  });
  const fits = Array.from({ length: 200 }, () => reference);
  const mine = await device.service(Big);
  t.is(((await mine.echo(fits)) as unknown[]).length, 200);
  await t.throwsAsync(mine.echo([...fits, ...fits]), {
    code: 'EINVAL',
    message: /a message carries at most 239 references/,
  });
});

test('when the service ends, calls in flight and later calls fail and onDeath is called', async (t) => {
  const Broker = defineService('broker', { big: method<void, Reference<typeof Big>>() });
  const domain = await startDomain(t);
  const child = await serve(t, domain.name);
  const broker = await domain.open();
  const found = await broker.service(Big);
  await broker.expose(Broker, { big: () => broker.reference(Big, found) });
  const device = await domain.open();
  const reference = await (await device.service(Broker)).big();
  const big = await reference.connect(Big);
  t.is(await reference.connect(Big), big, 'the same client');
  t.is(await big.echo(1), 1);
  let deaths = 0;
  reference.onDeath(() => deaths++);
  reference.onDeath(() => deaths++)[Symbol.dispose]();
  const stuck = big.hash(new Uint8Array(1), { timeoutMs: 10_000 });
  child.kill('SIGKILL');
  await stuck.catch(() => undefined);
  await until(() => deaths === 1);
  t.false(reference.alive);
  await t.throwsAsync(big.echo(1), { code: 'ENOENT' });
  await t.throwsAsync(reference.connect(Big), { code: 'ENOENT' });
  reference.onDeath(() => deaths++);
  await until(() => deaths === 2);
  t.is(device.pendingCalls, 0);
});

test('a reference ends with the connection to the domain', async (t) => {
  const domain = await startDomain(t);
  const device = await openDevice({ domain: domain.name });
  const anonymous = await device.exposeAnonymous(Listener, listener([]));
  await device.close();
  t.false(anonymous.reference.alive);
  await t.throwsAsync(anonymous.reference.connect(Listener), { code: 'ENODEV' });
  await anonymous.dispose();
  await t.throwsAsync(device.exposeAnonymous(Listener, listener([])), { code: 'ECANCELED' });
});

test('an encoded reference without its object is not a reference', async (t) => {
  const domain = await startDomain(t);
  await serve(t, domain.name);
  const device = await domain.open();
  const client = await device.service(Big);
  // A value that looks like a placeholder arrives unchanged.
  const forged = pack([1, 0, 1, 'listener', '']);
  t.deepEqual(Buffer.from((await client.echo(forged)) as Uint8Array), forged);
  await t.throwsAsync(client.subscribe({ name: 'listener' } as never), { code: 'EREMOTE' });
  t.is(await client.echo(1), 1);
});
