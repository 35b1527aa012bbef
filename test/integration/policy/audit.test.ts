/** Tests audit events, their log, and explanations. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { allow, defineService, deny, method } from 'liteipc';
import type { AuditEvent } from 'liteipc/manager';
import { startDomain, type TestDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';

usePrivateRuntime();

const Shop = defineService('shop', { buy: method<void, string>(), list: method<void, string>() });
const shop = { buy: () => 'bought', list: () => 'listed' };
const { pid } = process;
const uid = process.getuid?.() ?? 0;
const gid = process.getgid?.() ?? 0;
const here = { pid, uid, gid };
const folder = mkdtempSync(join(tmpdir(), 'liteipc-audit-'));
test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

function listen(domain: TestDomain): AuditEvent[] {
  const events: AuditEvent[] = [];
  domain.manager.on('audit', (event) => events.push(event));
  return events;
}

test('every decision is audited with caller, action, result and rule', async (t) => {
  const [mayList] = allow(Shop, 'list').to({ uid });
  const domain = await startDomain(t, {
    policy: [...(mayList === undefined ? [] : [mayList]), allow('bank').to({ uid: uid + 1 })],
  });
  const events = listen(domain);
  await (await domain.open()).expose(Shop, shop);
  const device = await domain.open();
  await device.service(Shop);
  await t.throwsAsync(device.service(defineService('bank', { pay: method() })));
  await domain.manager.grant(Shop, { pid });
  t.is(await (await device.service(Shop)).buy(), 'bought');
  await domain.manager.revoke(Shop, { pid }, ['buy']);
  await domain.manager.revoke(Shop, { pid });
  t.deepEqual(
    events.map((event) => [
      event.occasion,
      event.action,
      event.service,
      event.allowed,
      event.explanation,
    ]),
    [
      ['request', 'serve', 'shop', true, `without a rule it admits uid ${uid} alone`],
      ['request', 'call', 'shop', true, `rule 1 allows uid ${uid} to list`],
      ['request', 'call', 'bank', false, `its rules admit uid ${uid + 1}`],
      ['change', 'call', 'shop', true, `a grant allows pid ${pid}`],
      ['change', 'call', 'shop', false, `a revocation denies pid ${pid}`],
    ],
  );
  t.true(events.every((event) => event.time instanceof Date));
  t.deepEqual(events[1]?.caller, here);
  t.deepEqual(events[1]?.methods, ['list']);
  t.deepEqual(events[1]?.rule, mayList);
  t.deepEqual(events[3]?.methods, ['list']);
});

test('the log has one line per event, is private, and is appended to', async (t) => {
  const auditLog = join(folder, 'audit.log');
  for (const expected of [2, 4]) {
    const domain = await startDomain(t, { auditLog, policy: [allow('x').toServe({ uid })] });
    await (await domain.open()).expose(Shop, shop);
    await (await domain.open()).service(Shop);
    await domain.manager.close();
    const lines = readFileSync(auditLog, 'utf8').trimEnd().split('\n');
    t.is(lines.length, expected);
    const last = JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
    t.like(last, { service: 'shop', action: 'call', allowed: true, caller: here });
    t.false(Number.isNaN(Date.parse(last['time'] as string)));
  }
  t.is(statSync(auditLog).mode & 0o777, 0o600);
});

test('the manager does not start with a log that cannot be written', async (t) => {
  await t.throwsAsync(startDomain(t, { auditLog: join(folder, 'none', 'audit.log') }), {
    code: 'ENOENT',
  });
  await t.throwsAsync(startDomain(t, { auditLog: 5 as never }), { instanceOf: TypeError });
});

test('explain returns the deciding rule and how every rule matches the caller', async (t) => {
  const domain = await startDomain(t, {
    policy: [
      allow(Shop).to({ uid }),
      deny(Shop, 'buy').to({ pid: pid + 1 }),
      deny(Shop).to({ gid: gid + 1 }),
      allow(Shop).toServe({ uid: uid + 1 }),
    ],
  });
  const { manager } = domain;
  const whole = manager.explain(here, Shop);
  t.like(whole, { allowed: true, explanation: `rule 1 allows uid ${uid}` });
  t.is(whole.rule, manager.rules[0]);
  t.deepEqual(
    whole.considered.map(({ name, fits }) => [name, fits]),
    [
      ['rule 1', 'yes'],
      ['rule 2', 'no'],
      ['rule 3', 'no'],
    ],
  );
  const other = { ...here, pid: pid + 1 };
  t.like(manager.explain(other, Shop, 'buy'), {
    allowed: false,
    explanation: `rule 2 denies pid ${pid + 1} to buy`,
  });
  t.true(manager.explain(other, Shop, 'list').allowed);
  t.true(manager.explain(other, 'shop').allowed);
  t.false(manager.explain({ ...here, gid: gid + 1 }, Shop, 'list').allowed);
  t.like(manager.explainServing(here, Shop), {
    allowed: false,
    explanation: `its rules admit uid ${uid + 1}`,
  });
  t.true(manager.explainServing({ ...here, uid: uid + 1 }, Shop).allowed);
  t.throws(() => manager.explain(here, Shop, 'sell'), { message: /a method of shop/ });
  t.throws(() => manager.explain({ uid } as never, Shop), { message: /pid of a caller/ });
});

test('explain agrees with the actual decisions', async (t) => {
  const domain = await startDomain(t, { policy: [allow(Shop, 'list').to({ pid })] });
  await (await domain.open()).expose(Shop, shop);
  const client = await (await domain.open()).service(Shop);
  const said = (['buy', 'list'] as const).map(
    (name) => domain.manager.explain(here, Shop, name).allowed,
  );
  const done = await Promise.allSettled([client.buy(), client.list()]);
  t.deepEqual(
    done.map(({ status }) => status === 'fulfilled'),
    said,
  );
  t.deepEqual(said, [false, true]);
});
