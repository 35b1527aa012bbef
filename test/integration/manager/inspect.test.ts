/** Tests the inspector: its reports on a domain, its permissions, and services that hang. */
import { join } from 'node:path';
import ava from 'ava';
import {
  ServiceManager,
  allow,
  defineService,
  method,
  oneway,
  openDevice,
  type ClientOf,
  type Device,
} from 'liteipc';
import { Inspector, type ServiceReport } from 'liteipc/manager';
import { asRoot } from '#test/support/conditions.js';
import { startDomain } from '#test/support/domain.js';
import { Participant, endParticipants } from '#test/support/participant.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';

const runtime = usePrivateRuntime();
const test = ava.serial;
test.afterEach.always(endParticipants);

const Shop = defineService('shop', {
  price: method<string, number>(),
  fail: method(),
  note: oneway<string>(),
});

const shop = {
  price: (name: string) => name.length,
  fail: () => {
    throw new Error('on purpose');
  },
  note: () => undefined,
};

/** Returns all pages of the services. */
async function servicesOf(
  inspector: ClientOf<typeof Inspector>,
  all = false,
): Promise<{ pages: number; services: ServiceReport[] }> {
  const services: ServiceReport[] = [];
  let pages = 0;
  for (let after: number | undefined = 0; after !== undefined; pages++) {
    const page = await inspector.services({ after, all }, { timeoutMs: 5000 });
    services.push(...page.services);
    after = page.next;
  }
  return { pages, services };
}

async function inspectorOf(device: Device): Promise<ClientOf<typeof Inspector>> {
  return device.service(Inspector);
}

test('services are listed with owner, callers and statistics', async (t) => {
  const domain = await startDomain(t);
  const server = await domain.open();
  const exposed = await server.expose(Shop, shop);
  const client = await (await domain.open()).service(Shop);
  await client.price('nail');
  await client.note('sold');
  await t.throwsAsync(client.fail());

  const inspector = await inspectorOf(await domain.open());
  const { services } = await servicesOf(inspector);
  t.is(services.length, 1, 'the inspector itself is not among them');
  t.like(services[0], {
    name: 'shop',
    handle: exposed.handle,
    methods: 3,
    callers: 1,
    state: 'answering',
    statistics: { calls: 3, errors: 1, refused: 0, running: 0, waiting: 0 },
  });
  t.like(services[0]?.owner, {
    processId: server.processId,
    pid: process.pid,
    uid: process.getuid?.(),
    gid: process.getgid?.(),
  });
  t.regex(services[0]?.owner.program ?? '', /^node /);
  const all = await servicesOf(inspector, true);
  t.deepEqual(
    all.services.map(({ name }) => name),
    ['liteipc.inspector', 'shop'],
  );
});

test("the domain, its processes and a service's methods are described", async (t) => {
  const domain = await startDomain(t, { policy: [allow('log').to({ uid: 1000 })] });
  const server = await domain.open();
  await server.expose(Shop, shop);
  const inspector = await inspectorOf(server);
  const report = await inspector.domain();
  t.like(report, { name: domain.name, profile: 'host', rules: 1, path: domain.manager.path });
  t.like(report.manager, { pid: process.pid, uid: process.getuid?.() });
  t.true(report.upMs > 0 && report.startedAt.getTime() <= Date.now());
  t.is(report.counters.processes, 2);
  const { processes } = await inspector.processes({});
  t.deepEqual(
    processes.map(({ processId, pid }) => [processId, pid]),
    [
      [1, process.pid],
      [server.processId, process.pid],
    ],
  );
  t.deepEqual(await inspector.methods({ service: 'shop' }), {
    methods: [
      { kind: 'method', name: 'price' },
      { kind: 'method', name: 'fail' },
      { kind: 'oneway', name: 'note' },
    ],
  });
  await t.throwsAsync(inspector.methods({ service: 'none' }), { code: 'ENOENT' });
});

test('long lists come in pages, also with the smallest messages', async (t) => {
  const domain = await startDomain(t, { profile: 'liteos-a' });
  const server = await domain.open();
  const names = Array.from({ length: 20 }, (_, index) => `service-${'x'.repeat(50)}-${index}`);
  for (const name of names) await server.expose(defineService(name, { a: method() }), { a() {} });
  const many = Object.fromEntries(
    Array.from({ length: 60 }, (_, index) => [`m${'y'.repeat(60)}${index}`, method()]),
  );
  const Many = defineService('many', many);
  await server.expose(Many, Object.fromEntries(Object.keys(many).map((name) => [name, () => {}])));
  const inspector = await inspectorOf(server);
  const { pages, services } = await servicesOf(inspector);
  t.true(pages > 1);
  t.deepEqual(
    services.map(({ name }) => name),
    [...names, 'many'],
  );
  const first = await inspector.methods({ service: 'many' });
  t.truthy(first.next);
  const rest = await inspector.methods({ service: 'many', after: first.next ?? 0 });
  t.deepEqual(
    [...first.methods, ...rest.methods].map(({ name }) => name).slice(0, 60),
    Object.keys(many).slice(0, first.methods.length + rest.methods.length),
  );
  for (let index = 0; index < 8; index++) await domain.open();
  const processes = await inspector.processes({});
  t.truthy(processes.next);
  const others = await inspector.processes({ after: processes.next ?? 0 });
  t.is(processes.processes.length + others.processes.length, 10);
});

test('a service that hangs is marked and does not delay the others', async (t) => {
  const domain = await startDomain(t);
  const good = await Participant.start('good');
  const bad = await Participant.start('bad');
  for (const one of [good, bad]) {
    await one.do('open', { domain: domain.name });
    await one.do('expose', { service: one.name });
  }
  process.kill(bad.pid, 'SIGSTOP');
  const inspector = await inspectorOf(await domain.open());
  const states = async (): Promise<Record<string, string>> => {
    const { services } = await servicesOf(inspector);
    return Object.fromEntries(services.map(({ name, state }) => [name, state]));
  };
  t.deepEqual(await states(), { good: 'answering', bad: 'not-answering' });
  t.deepEqual(await states(), { good: 'answering', bad: 'not-answering' });
  process.kill(bad.pid, 'SIGCONT');
  t.deepEqual(await states(), { good: 'answering', bad: 'answering' });
});

test('explain returns the decision about a caller and its reason', async (t) => {
  const domain = await startDomain(t, {
    policy: [allow(Shop, 'price').to({ uid: 1000 }), allow(Shop).to({ gid: 33 })],
  });
  const server = await domain.open();
  await server.expose(Shop, shop);
  const inspector = await inspectorOf(server);
  const caller = { pid: 4711, uid: 1000, gid: 1000 };
  t.deepEqual(await inspector.explain({ caller, service: 'shop', method: 'price' }), {
    allowed: true,
    explanation: 'rule 1 allows uid 1000 to price',
    rule: 'rule 1',
    limits: [],
    considered: [
      { rule: 'rule 1', effect: 'allow', fits: 'yes' },
      { rule: 'rule 2', effect: 'allow', fits: 'no' },
    ],
  });
  t.like(await inspector.explain({ caller, service: 'shop', method: 'note' }), { allowed: false });
  const other = { ...caller, uid: 5 };
  const refused = await inspector.explain({ caller: other, service: 'shop' });
  t.false(refused.allowed);
  t.regex(refused.explanation, /admit uid 1000 to price; gid 33/);
  const wrong = { caller: { pid: -1 }, service: 'shop' } as never;
  await t.throwsAsync(inspector.explain(wrong), { code: 'EPROTO', message: /pid of a caller/ });
  await t.throwsAsync(inspector.services({ after: 'x' } as never), { code: 'EPROTO' });
});

test('rules apply to the inspector as to any service', async (t) => {
  const domain = await startDomain(t, {
    policy: [allow(Inspector, 'domain', 'explain').to({ uid: process.getuid?.() ?? 0 })],
  });
  const inspector = await inspectorOf(await domain.open());
  t.like(await inspector.domain(), { name: domain.name });
  await t.throwsAsync(inspector.services({}), { code: 'EACCES' });
  await domain.manager.revoke(Inspector, { pid: process.pid });
  await t.throwsAsync(inspector.domain(), { code: 'EACCES' });
});

test("only the manager registers the domain's own names", async (t) => {
  const domain = await startDomain(t, {
    policy: [allow('liteipc.inspector').toServe({ uid: 4711 })],
  });
  const heard: string[] = [];
  domain.manager.on('audit', ({ service, allowed }) => heard.push(`${service} ${allowed}`));
  const device = await domain.open();
  const Own = defineService('liteipc.own', { a: method() });
  const implementation = { a: () => undefined };
  const message = /begin with liteipc\./;
  await t.throwsAsync(device.expose(Own, implementation), { code: 'EACCES', message });
  const Same = defineService('liteipc.inspector', { a: method() });
  await t.throwsAsync(device.expose(Same, implementation), { code: 'EACCES', message });
  t.deepEqual(heard, ['liteipc.own false', 'liteipc.inspector false']);
  // Rules about serving have no effect, neither at once nor after a change of the rules.
  await domain.manager.grant('other', { uid: 1 });
  t.like(await (await inspectorOf(device)).domain(), { name: domain.name });
  t.deepEqual(domain.manager.services(), []);
});

asRoot('another user gets nothing without a rule', async (t) => {
  const domain = join(runtime, 'users.sock');
  const { chmodSync } = await import('node:fs');
  chmodSync(runtime, 0o711);
  const manager = await ServiceManager.start({ domain, socketMode: 0o666 });
  t.teardown(() => manager.close());
  const other = await Participant.start('other', { user: 64_001 });
  await other.do('open', { domain });
  const find = (): Promise<void> => other.do('find', { service: 'liteipc.inspector' });
  await t.throwsAsync(find(), { code: 'EACCES' });
  await manager.grant(Inspector, { uid: 64_001 });
  // The service has a different contract for this name and receives it now.
  await t.throwsAsync(find(), { code: 'EPROTO' });
  const device = await openDevice({ domain });
  t.teardown(() => device.close());
  const { processes } = await (await inspectorOf(device)).processes({});
  t.true(processes.some(({ uid, gid }) => uid === 64_001 && gid === 64_001));
});
