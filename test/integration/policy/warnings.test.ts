/** Tests the warnings about rules that name methods which a service does not have. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ava from 'ava';
import { allow, defineService, deny, limit, method } from 'liteipc';
import type { PolicyWarning } from 'liteipc/manager';
import { startDomain, type TestDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava.serial;

const Shop = defineService('shop', { buy: method<void, string>(), list: method<void, string>() });
const shop = { buy: () => 'bought', list: () => 'listed' };
const uid = process.getuid?.() ?? 0;
const folder = mkdtempSync(join(tmpdir(), 'liteipc-warnings-'));
test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

function listen({ manager }: TestDomain): PolicyWarning[] {
  const warnings: PolicyWarning[] = [];
  manager.on('policyWarning', (warning) => warnings.push(warning));
  return warnings;
}

test('a misspelt method in any kind of rule is reported when the service registers', async (t) => {
  const policy = [
    allow('shop', 'buy', 'lits').to({ uid }),
    deny('shop', 'clear').to({ uid: uid + 1 }),
    limit('shop', { inFlight: 1 }, 'by').to({ uid: uid + 1 }),
    allow('shop').toServe({ uid }),
    allow('other', 'lits').to({ uid }),
  ];
  const domain = await startDomain(t, { policy });
  const warnings = listen(domain);
  const device = await domain.open();
  const exposed = await device.expose(Shop, shop);
  await until(() => warnings.length === 3);
  t.deepEqual(warnings[0], {
    message:
      'Policy: rule 1 names "lits", which service "shop" does not have; it has "buy", "list"',
    service: 'shop',
    rule: domain.manager.rules[0] as never,
    name: 'rule 1',
    unknown: ['lits'],
    methods: ['buy', 'list'],
  });
  t.deepEqual(
    warnings.map(({ name, unknown }) => [name, ...unknown]),
    [
      ['rule 1', 'lits'],
      ['rule 2', 'clear'],
      ['rule 3', 'by'],
    ],
  );
  t.is(await (await (await domain.open()).service(Shop)).buy(), 'bought');
  // An equal warning is not repeated. A different contract gives a new one.
  await exposed.dispose();
  await device.expose(Shop, shop);
  t.is(warnings.length, 3);
  await device.close();
  const Larger = defineService('shop', { ...Shop.methods, clear: method<void>() });
  await (await domain.open()).expose(Larger, { ...shop, clear: () => undefined });
  await until(() => warnings.length === 5);
  t.deepEqual(
    warnings.slice(3).map(({ name, methods }) => [name, methods.length]),
    [
      ['rule 1', 3],
      ['rule 3', 3],
    ],
  );
});

test('new rules of every origin are compared with running services', async (t) => {
  const policyFile = join(folder, 'shop.jsonc');
  const write = (name: string): void => {
    const text = `{ "call": { "shop": { "allow": [{ "uid": ${uid}, "methods": ["buy", "${name}"] }] } } }`;
    writeFileSync(policyFile, text, { mode: 0o600 });
  };
  write('list');
  const domain = await startDomain(t, { policyFile });
  const warnings = listen(domain);
  await (await domain.open()).expose(Shop, shop);
  await domain.manager.reloadPolicy();
  await domain.manager.grant('shop', { uid }, ['list']);
  t.deepEqual(warnings, []);
  write('lits');
  await domain.manager.reloadPolicy();
  await domain.manager.grant('shop', { uid }, ['lists']);
  await domain.manager.revoke('shop', { uid }, ['buys']);
  t.deepEqual(
    warnings.map(({ name, unknown }) => [name, ...unknown]),
    [
      ['shop.jsonc:1:33', 'lits'],
      ['a grant', 'lists'],
      ['a revocation', 'buys'],
    ],
  );
  // The methods of an absent service are unknown.
  await domain.manager.grant('bank', { uid }, ['pay']);
  t.is(warnings.length, 3);
});

test('a warning without a listener becomes a process warning', async (t) => {
  const heard: string[] = [];
  const onWarning = (warning: Error): void => void heard.push(warning.message);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  const domain = await startDomain(t, { policy: [allow('shop', 'lits').to({ uid })] });
  await (await domain.open()).expose(Shop, shop);
  await until(() => heard.some((text) => text.startsWith('Policy: rule 1 names "lits"')));
  t.pass();
});
