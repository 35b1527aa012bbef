/** Tests policy files: the format, the reported problems, and the effect of a change. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import ava, { type ExecutionContext } from 'ava';
import { defineService, method } from 'liteipc';
import { PolicyFileError, type PolicyLoaded } from 'liteipc/manager';
import { Policy } from '#lib/policy/policy.js';
import { parsePolicy } from '#lib/policy/parse.js';
import { startDomain, type TestDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { root } from '#test/support/paths.js';

usePrivateRuntime();
const test = ava.serial;

const Shop = defineService('shop', { buy: method<void, string>(), list: method<void, string>() });
const shop = { buy: () => 'bought', list: () => 'listed' };
const uid = process.getuid?.() ?? 0;

const folder = mkdtempSync(join(tmpdir(), 'liteipc-policy-file-'));
test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});
let files = 0;

function write(text: string): string {
  const path = join(folder, `policy-${++files}.jsonc`);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

const admitting = `{ "call": { "shop": { "allow": [{ "uid": ${uid} }] } } }`;
const refusing = `{ "call": { "shop": { "allow": [{ "uid": ${uid + 1} }] } } }`;

function problemsOf(t: ExecutionContext, text: string): string[] {
  const error = t.throws(() => parsePolicy('/etc/shop.jsonc', text), {
    instanceOf: PolicyFileError,
    code: 'EINVAL',
  });
  return error.problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

test('a file can express every rule', (t) => {
  const text = `{
    // A comment, and trailing commas.
    "$schema": "./policy.schema.json",
    "call": {
      "shop": {
        "allow": [
          { "uid": 1000 }, { "gid": 33, "methods": ["list"] },
          { "uids": [1, 2, 3], "executable": "/usr/bin/node" },
          { "uidRange": { "from": 5, "to": 9 } },
        ],
        "deny": [{ "pid": 7 }]
      },
    },
    "serve": { "shop": { "allow": [{ "uids": [500, 501] }] } },
  }`;
  const rules = parsePolicy('/etc/shop.jsonc', text);
  t.deepEqual(
    rules.map(({ effect, action, methods, subject, origin }) => [
      ...[effect, action, methods ?? [], subject, origin],
    ]),
    [
      ['allow', 'call', [], { uid: 1000 }, 'shop.jsonc:7:11'],
      ['allow', 'call', ['list'], { gid: 33 }, 'shop.jsonc:7:28'],
      ['allow', 'call', [], { uids: [1, 2, 3], executable: '/usr/bin/node' }, 'shop.jsonc:8:11'],
      ['allow', 'call', [], { uidRange: { from: 5, to: 9 } }, 'shop.jsonc:9:11'],
      ['deny', 'call', [], { pid: 7 }, 'shop.jsonc:11:18'],
      ['allow', 'serve', [], { uids: [500, 501] }, 'shop.jsonc:14:36'],
    ],
  );
  const policy = new Policy([], 0);
  policy.replaceFile(rules);
  t.is(
    policy.decide('call', 'shop', { pid: 1, uid: 7, gid: 1 }).explanation,
    'shop.jsonc:9:11 allows uids 5 to 9',
  );
  t.deepEqual(parsePolicy('/etc/empty.jsonc', '{}'), []);
});

test('every problem is reported with line and column', (t) => {
  t.deepEqual(problemsOf(t, '{\n  "call": {,\n}'), ['2:12 not valid JSON: value expected']);
  t.deepEqual(problemsOf(t, ''), ['1:1 not valid JSON: value expected']);
  t.deepEqual(
    problemsOf(
      t,
      `{
  "call": {
    "shop": { "allow": [{ "uid": "me" }, {}], "permit": [] },
    "a b": {}
  },
  "serve": { "shop": { "allow": [{ "uid": 1, "methods": ["list"] }, { "uid": -1 }] } }
}`,
    ),
    [
      '3:34 call.shop.allow[0].uid: Invalid input: expected number, received string',
      `3:42 call.shop.allow[1]: matches no caller: give one of uid, gid, pid, uids, uidRange, executable`,
      '3:57 call.shop.permit: unknown here',
      '4:12 call.a b: is not a name of a service: 1 to 64 of [A-Za-z0-9._:/-]',
      '6:57 serve.shop.allow[0].methods: unknown here',
      '6:78 serve.shop.allow[1].uid: Too small: expected number to be >=0',
    ],
  );
  t.deepEqual(
    problemsOf(t, '{ "call": { "s": { "allow": [{ "uidRange": { "from": 2, "to": 1 } }] } } }'),
    ['1:44 call.s.allow[0].uidRange: "from" is larger than "to"'],
  );
  t.deepEqual(problemsOf(t, '{ "call": { "s": { "allow": [{ "executable": "node" }] } } }'), [
    '1:46 call.s.allow[0].executable: must be an absolute path',
  ]);
  // Members that JSON.parse would drop silently.
  t.deepEqual(problemsOf(t, '{ "call": {}, "call": {} }'), ['1:23 call: occurs twice']);
  t.deepEqual(problemsOf(t, '{ "call": { "__proto__": {} } }'), [
    '1:26 call.__proto__: this name is not permitted',
  ]);
});

test('policy.schema.json is up to date and accepts the same files', (t) => {
  const script = join(root, 'scripts/policy-schema.mjs');
  const checked = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  t.is(checked.status, 0, checked.stderr);
  const changed = write('{}');
  t.not(spawnSync(process.execPath, [script, '--check', changed]).status, 0);
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    files: string[];
    exports: Record<string, unknown>;
  };
  t.true(manifest.files.includes('policy.schema.json'));
  t.is(manifest.exports['./policy.schema.json'], './policy.schema.json');
});

async function start(t: ExecutionContext, policyFile: string): Promise<TestDomain> {
  const domain = await startDomain(t, { policyFile });
  await (await domain.open()).expose(Shop, shop);
  return domain;
}

function loaded(domain: TestDomain): Promise<PolicyLoaded> {
  return new Promise((resolve) => domain.manager.once('policyLoaded', resolve));
}

function failed(domain: TestDomain): Promise<PolicyFileError> {
  return new Promise((resolve) => domain.manager.once('policyError', resolve));
}

test('a changed file applies to existing grants', async (t) => {
  const path = write(admitting);
  const domain = await start(t, path);
  const client = await (await domain.open()).service(Shop);
  t.is(await client.buy(), 'bought');
  let next = loaded(domain);
  writeFileSync(path, refusing);
  t.deepEqual(await next, { file: path, rules: 1, revoked: 1 });
  await t.throwsAsync(client.buy(), {
    code: 'EACCES',
    message: new RegExp(`its rules admit uid ${uid + 1}`),
  });
  next = loaded(domain);
  writeFileSync(
    path,
    `{ "call": { "shop": { "allow": [{ "uid": ${uid}, "methods": ["list"] }] } } }`,
  );
  t.deepEqual(await next, { file: path, rules: 1, revoked: 0 });
  t.is(await client.list(), 'listed');
  await t.throwsAsync(client.buy(), { code: 'EACCES' });
  next = loaded(domain);
  writeFileSync(path, '{}');
  await next;
  t.is(await client.buy(), 'bought');
});

test('a process that may no longer serve a name loses it and its callers', async (t) => {
  const path = write('{}');
  const domain = await start(t, path);
  const client = await (await domain.open()).service(Shop);
  t.is(domain.manager.services().length, 1);
  const next = loaded(domain);
  writeFileSync(path, `{ "serve": { "shop": { "allow": [{ "uid": ${uid + 1} }] } } }`);
  t.like(await next, { revoked: 1 });
  t.deepEqual(domain.manager.services(), []);
  await t.throwsAsync(client.buy(), { code: 'ENOENT' });
});

test('a file that is replaced by renaming or by a symbolic link is reloaded', async (t) => {
  const one = write(admitting);
  const two = write(refusing);
  const link = join(folder, 'link.jsonc');
  symlinkSync(one, link);
  const domain = await start(t, link);
  let next = loaded(domain);
  symlinkSync(two, `${link}.new`);
  renameSync(`${link}.new`, link);
  t.like(await next, { rules: 1 });
  await t.throwsAsync((await domain.open()).service(Shop), { code: 'EACCES' });
  next = loaded(domain);
  renameSync(write(admitting), two);
  await next;
  t.truthy(await (await domain.open()).service(Shop));
});

test('an invalid or missing file leaves the rules in force and is reported once, with its position', async (t) => {
  const path = write(refusing);
  const domain = await start(t, path);
  let errors = 0;
  domain.manager.on('policyError', () => (errors += 1));
  let failure = failed(domain);
  writeFileSync(path, '{\n  "call": { "shop": { "allow": [{ "uid": "root" }] } }\n}');
  const error = await failure;
  t.like(error, { code: 'EINVAL', file: path, line: 2, column: 42, name: 'PolicyFileError' });
  t.true(error.message.startsWith(`Policy file ${path}:2:42: call.shop.allow[0].uid`));
  await t.throwsAsync((await domain.open()).service(Shop), { code: 'EACCES' });
  await t.throwsAsync(domain.manager.reloadPolicy(), { instanceOf: PolicyFileError });
  failure = failed(domain);
  unlinkSync(path);
  t.regex((await failure).message, /cannot be read: ENOENT/);
  await sleep(900);
  t.is(errors, 2);
  await t.throwsAsync((await domain.open()).service(Shop), { code: 'EACCES' });
  const next = loaded(domain);
  writeFileSync(path, admitting, { mode: 0o600 });
  await next;
  t.truthy(await (await domain.open()).service(Shop));
});

test('the manager does not start with an invalid file', async (t) => {
  await t.throwsAsync(startDomain(t, { policyFile: write('{ "cal": {} }') }), {
    instanceOf: PolicyFileError,
    message: /:1:10: cal: unknown here \(EINVAL\)$/,
  });
  await t.throwsAsync(startDomain(t, { policyFile: join(folder, 'none') }), { code: 'EINVAL' });
  await t.throwsAsync(startDomain(t, { policyFile: 5 as never }), { instanceOf: TypeError });
});

test('a file that other users may write is rejected', async (t) => {
  const path = write(admitting);
  chmodSync(path, 0o622);
  await t.throwsAsync(startDomain(t, { policyFile: path }), { message: /chmod go-w/ });
  chmodSync(path, 0o600);
  if (uid === 0) {
    chownSync(path, 64_001, 0);
    await t.throwsAsync(startDomain(t, { policyFile: path }), { message: /belongs to uid 64001/ });
  }
});

test('reloadPolicy applies the file at once, and rejects without a file', async (t) => {
  const path = write(admitting);
  const domain = await start(t, path);
  writeFileSync(path, refusing);
  t.deepEqual(await domain.manager.reloadPolicy(), { file: path, rules: 1, revoked: 0 });
  await t.throwsAsync((await domain.open()).service(Shop), { code: 'EACCES' });
  await t.throwsAsync((await startDomain(t)).manager.reloadPolicy(), { code: 'EINVAL' });
});
