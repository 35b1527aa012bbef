/** Tests quotas, which the receiver enforces on every message. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  LiteIpcError,
  allow,
  defineService,
  limit,
  method,
  oneway,
  type ClientOf,
  type Device,
} from 'liteipc';
import { upstreamQuota } from 'liteipc/manager';
import { parsePolicy } from '#lib/policy/parse.js';
import { toRules } from '#lib/policy/rules.js';
import { QuotaUse, TokenBucket } from '#lib/policy/token-bucket.js';
import { quotaInWords, toQuota } from '#lib/policy/quota.js';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';

usePrivateRuntime();

const Log = defineService('log', {
  write: oneway<string>(),
  read: method<unknown, number>(),
  hold: method<void>(),
  release: method<void>(),
});
const { pid } = process;
const uid = process.getuid?.() ?? 0;
const here = { pid, uid, gid: process.getgid?.() ?? 0 };
/** A rate at which nothing refills while a test runs. */
const SLOW = 0.001;

const folder = mkdtempSync(join(tmpdir(), 'liteipc-quotas-'));
test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function exposeLog(device: Device): Promise<{ lines: string[]; errors: LiteIpcError[] }> {
  const heard = { lines: [] as string[], errors: [] as LiteIpcError[] };
  const held: ((end: 'ended' | 'failed') => void)[] = [];
  const log = {
    write: (line: string) => void heard.lines.push(line),
    read: () => heard.lines.length,
    hold: () =>
      new Promise<void>((resolve, reject) => {
        held.push((end) => (end === 'ended' ? resolve() : reject(new Error(end))));
      }),
    release: () => held.splice(0).forEach((end, index) => end(index === 0 ? 'ended' : 'failed')),
  };
  await device.expose(Log, log, {
    onError: (error) => void heard.errors.push(error as LiteIpcError),
  });
  return heard;
}

async function isRefused(
  t: ExecutionContext,
  call: Promise<unknown>,
  pattern: RegExp,
): Promise<LiteIpcError> {
  const error = await t.throwsAsync(call, { instanceOf: LiteIpcError, code: 'EDQUOT' });
  t.regex(error.message, pattern);
  return error;
}

/** Returns how many of a number of consecutive calls succeed. */
async function passing(log: ClientOf<typeof Log>, count: number): Promise<number> {
  const calls = Array.from({ length: count }, () => log.read());
  const ends = await Promise.allSettled(calls);
  return ends.filter(({ status }) => status === 'fulfilled').length;
}

test('a bucket refills at its rate up to its maximum and returns the wait', (t) => {
  const bucket = new TokenBucket(10, 5, 1000);
  t.true(bucket.isFull(1000));
  for (let taken = 0; taken < 5; taken++) {
    t.is(bucket.waitMs(1, 1000), 0);
    bucket.take(1);
  }
  t.is(bucket.waitMs(1, 1000), 100);
  t.is(bucket.waitMs(1, 1060), 40);
  t.is(bucket.waitMs(1, 1100), 0);
  t.is(bucket.waitMs(2, 1100), 100);
  t.is(bucket.waitMs(1, 900), 0, 'a clock that goes back takes nothing away');
  t.false(bucket.isFull(1400));
  t.true(bucket.isFull(1500));
  t.true(bucket.isFull(9000));
  // An amount above the maximum passes when the bucket is full, and leaves a debt.
  t.is(bucket.waitMs(20, 9000), 0);
  bucket.take(20);
  t.is(bucket.waitMs(1, 9000), 1600);
});

test('calls, bytes and calls in flight are counted, and refused messages are not', (t) => {
  const use = new QuotaUse(
    toQuota({ callsPerSecond: 10, burst: 3, bytesPerSecond: 100, burstBytes: 50, inFlight: 2 }),
    0,
  );
  t.true(use.isUnused(0));
  t.is(use.excess(1, 50, 0), undefined);
  use.take(1, 50);
  t.deepEqual(use.excess(1, 10, 0), {
    limit: '100 bytes per second (50 at once)',
    retryAfterMs: 100,
  });
  t.is(use.excess(1, 0, 0), undefined);
  use.take(2, 0);
  t.deepEqual(use.excess(1, 0, 0), { limit: '10 calls per second (3 at once)', retryAfterMs: 100 });
  t.is(use.excess(0, 0, 0), undefined, 'what belongs to a call is no call');
  use.take(0, 500);
  t.is(use.excess(0, 0, 0), undefined, 'and without bytes nothing at all');
  use.begun();
  use.begun();
  t.deepEqual(use.excess(1, 0, 9000), { limit: '2 calls in flight', retryAfterMs: undefined });
  use.ended();
  t.is(use.excess(1, 0, 9000), undefined);
  t.false(use.isUnused(9000));
  use.ended();
  t.true(use.isUnused(9000));
});

test("quotas are validated, and an empty quota is upstream's", (t) => {
  t.deepEqual(upstreamQuota, { callsPerSecond: 1000, burst: 1500 });
  t.deepEqual(toQuota({}), upstreamQuota);
  t.deepEqual(limit(Log).to({ uid: 1 })[0]?.quota, upstreamQuota);
  t.deepEqual(limit(Log, {}).to({ uid: 1 })[0]?.quota, upstreamQuota);
  t.deepEqual(toQuota({ callsPerSecond: 100 }), { callsPerSecond: 100, burst: 150 });
  t.deepEqual(toQuota({ callsPerSecond: 0.1 }), { callsPerSecond: 0.1, burst: 1 });
  t.deepEqual(toQuota({ bytesPerSecond: 10, burstBytes: 7 }), {
    bytesPerSecond: 10,
    burstBytes: 7,
  });
  t.is(
    quotaInWords(toQuota({ callsPerSecond: 10, bytesPerSecond: 1000, inFlight: 4 })),
    '10 calls per second (15 at once), 1000 bytes per second (1500 at once), 4 calls in flight',
  );
  for (const [quota, pattern] of [
    [5, /an object for a quota/],
    [{ calls: 5 }, /callsPerSecond, burst.*received string "calls"/],
    [{ callsPerSecond: 0 }, /a number above 0, to 1000000000000 for callsPerSecond/],
    [{ callsPerSecond: Infinity }, /callsPerSecond/],
    [{ callsPerSecond: '5' }, /callsPerSecond.*string "5"/],
    [{ inFlight: 0 }, /an integer from 1/],
    [{ callsPerSecond: 1, burst: 1.5 }, /burst/],
    [{ burst: 5 }, /callsPerSecond, too/],
    [{ inFlight: 1, burstBytes: 5 }, /bytesPerSecond, too/],
  ] as const) {
    t.throws(() => toQuota(quota), { instanceOf: TypeError, message: pattern });
  }
  t.throws(() => limit(Log, { inFlight: 1 }, 'sell' as never), { message: /a method of log/ });
  t.throws(() => limit(Log, { inFlight: 1 }).to(), { message: /at least one subject/ });
});

test('limits are rules, as data and in files', (t) => {
  const rules = [...limit('log', { inFlight: 3 }, 'read').to({ gid: 7 })];
  t.deepEqual(toRules(JSON.parse(JSON.stringify(rules))), rules);
  const bare = { effect: 'limit', action: 'call', service: 'log', subject: { uid: 1 } };
  t.throws(() => toRules([bare]), { message: /an object for quota of rule 1/ });
  t.throws(() => toRules([{ ...bare, quota: {}, action: 'serve' }]), { message: /Expected call/ });
  t.throws(() => toRules([{ ...bare, effect: 'allow', quota: {} }]), { message: /Expected none/ });
  const text = `{ "call": { "log": { "limit": [
    { "uid": 1, "methods": ["read"], "callsPerSecond": 10, "inFlight": 4 },
    { "gid": 2 },
  ] } } }`;
  t.deepEqual(
    parsePolicy('/etc/log.jsonc', text).map((rule) => [
      ...[rule.effect, rule.action, rule.methods, rule.subject, rule.quota, rule.origin],
    ]),
    [
      [
        ...['limit', 'call', ['read'], { uid: 1 }],
        ...[{ callsPerSecond: 10, burst: 15, inFlight: 4 }, 'log.jsonc:2:5'],
      ],
      ['limit', 'call', undefined, { gid: 2 }, upstreamQuota, 'log.jsonc:3:5'],
    ],
  );
  for (const [entry, pattern] of [
    ['{ "uid": 1, "burst": 5 }', /"burst" needs "callsPerSecond"/],
    ['{ "uid": 1, "inFlight": 0 }', /inFlight/],
    ['{ "inFlight": 1 }', /matches no caller/],
    ['{ "uid": 1, "calls": 5 }', /unknown here/],
  ] as const) {
    const bad = `{ "call": { "log": { "limit": [${entry}] } } }`;
    t.throws(() => parsePolicy('/etc/log.jsonc', bad), { message: pattern });
  }
  const serving = '{ "serve": { "log": { "limit": [{ "uid": 1 }] } } }';
  t.throws(() => parsePolicy('/etc/log.jsonc', serving), { message: /unknown here/ });
});

test('a call above the rate fails with retryAfterMs and succeeds after that time', async (t) => {
  const domain = await startDomain(t, {
    policy: [limit(Log, { callsPerSecond: 2, burst: 4 }).to({ uid })],
  });
  await exposeLog(await domain.open());
  const log = await (await domain.open()).service(Log);
  t.is(await passing(log, 4), 4);
  const error = await isRefused(
    t,
    log.read(),
    new RegExp(
      `^log\\.read: uid ${uid} has used up 2 calls per second \\(4 at once\\), limited by rule 1; retry in \\d+ ms \\(EDQUOT\\)$`,
    ),
  );
  t.like(error, { service: 'log', method: 'read' });
  const { retryAfterMs = 0 } = error;
  t.true(retryAfterMs > 0 && retryAfterMs <= 500, String(retryAfterMs));
  await sleep(retryAfterMs);
  t.is(await log.read(), 0);
});

test('all devices of a user share its quota, and a new lookup does not refill it', async (t) => {
  const file = join(folder, 'shared.jsonc');
  const policy = `{ "call": { "log": { "limit": [{ "uid": ${uid}, "callsPerSecond": ${SLOW}, "burst": 6 }] } } }`;
  writeFileSync(file, policy, { mode: 0o600 });
  const domain = await startDomain(t, { policyFile: file });
  await exposeLog(await domain.open());
  let passed = 0;
  for (let count = 0; count < 4; count++) {
    passed += await passing(await (await domain.open()).service(Log), 2);
  }
  t.is(passed, 6);
  writeFileSync(file, `${policy}\n// The same rule.`);
  await domain.manager.reloadPolicy();
  await domain.manager.grant(Log, { uid: uid + 1 });
  const log = await (await domain.open()).service(Log);
  await isRefused(t, log.read(), /by shared\.jsonc:1:32; retry in \d+ s/);
  // A different rule is a different quota.
  writeFileSync(file, policy.replace('"burst": 6', '"burst": 3'));
  await domain.manager.reloadPolicy();
  t.is(await passing(log, 5), 3);
  writeFileSync(file, '{}');
  await domain.manager.reloadPolicy();
  t.is(await passing(log, 20), 20);
});

test('a quota of bytes admits small messages while large ones must wait', async (t) => {
  const domain = await startDomain(t, {
    policy: [limit(Log, { bytesPerSecond: SLOW, burstBytes: 1000 }).to({ pid })],
  });
  await exposeLog(await domain.open());
  const log = await (await domain.open()).service(Log);
  t.is(await log.read('x'.repeat(700)), 0);
  await isRefused(t, log.read('x'.repeat(700)), /bytes per second \(1000 at once\)/);
  t.is(await log.read('x'.repeat(100)), 0);
});

test('a call is in flight until its implementation has ended', async (t) => {
  const domain = await startDomain(t, {
    policy: [limit(Log, { inFlight: 3 }, 'hold').to({ pid })],
  });
  await exposeLog(await domain.open());
  const log = await (await domain.open()).service(Log);
  for (let round = 0; round < 3; round++) {
    const held = Array.from({ length: 3 }, () => log.hold({} as never, { timeoutMs: 60_000 }));
    const ends = Promise.allSettled(held);
    const error = await isRefused(t, log.hold(), /3 calls in flight.*when one of them has ended/);
    t.is(error.retryAfterMs, undefined);
    t.is(await log.read(), 0, 'another method is not concerned');
    await log.release();
    t.deepEqual(
      (await ends).map(({ status }) => status),
      ['fulfilled', 'rejected', 'rejected'],
    );
  }
});

test('rejected calls are not counted as in flight', async (t) => {
  const Checked = defineService('checked', {
    half: method<number, number>(),
    wait: method<void>(),
  });
  const domain = await startDomain(t, { policy: [limit(Checked, { inFlight: 2 }).to({ pid })] });
  const ends: (() => void)[] = [];
  await (
    await domain.open()
  ).expose(
    Checked,
    {
      half: (number) => number / 2,
      wait: () => new Promise<void>((resolve) => ends.push(resolve)),
    },
    { concurrency: 1, queue: 0 },
  );
  const checked = await (await domain.open()).service(Checked);
  const waiting = checked.wait();
  for (let count = 0; count < 5; count++) {
    await t.throwsAsync(checked.half(1), { code: 'EBUSY' });
  }
  ends[0]?.();
  await waiting;
  t.is(await checked.half(8), 4);
});

test('one-way messages above a quota are dropped and the first is reported', async (t) => {
  const domain = await startDomain(t, {
    policy: [limit(Log, { callsPerSecond: SLOW, burst: 5 }, 'write').to({ pid })],
  });
  const heard = await exposeLog(await domain.open());
  const log = await (await domain.open()).service(Log);
  for (let count = 0; count < 20; count++) await log.write(`line ${count}`);
  t.is(await log.read(), 5);
  t.is(heard.errors.length, 1);
  t.like(heard.errors[0], { code: 'EDQUOT', service: 'log', method: 'write' });
});

test('every fitting limit applies, and other callers are not limited', async (t) => {
  const domain = await startDomain(t, {
    policy: [
      limit(Log, { callsPerSecond: SLOW, burst: 9 }).to({ uid }),
      limit(Log, { callsPerSecond: SLOW, burst: 2 }, 'release').to({ pid }),
      limit(Log, { callsPerSecond: SLOW, burst: 1 }).to({ uid: uid + 1 }, { pid: pid + 1 }),
      limit('other', { callsPerSecond: SLOW, burst: 1 }).to({ uid }),
    ],
  });
  await exposeLog(await domain.open());
  const log = await (await domain.open()).service(Log);
  await log.release();
  await log.release();
  await isRefused(t, log.release(), /by rule 2;/);
  t.is(await passing(log, 20), 7, 'the refused one was not charged to the other rule');
  await isRefused(t, log.read(), /by rule 1;/);
});

test('a limit does not admit callers, and applies if its subject is unknown', async (t) => {
  const unknown = (): boolean => {
    throw new Error('no idea');
  };
  const domain = await startDomain(t, {
    policy: [
      limit(Log, { callsPerSecond: SLOW, burst: 1 }).to({ predicate: unknown }),
      limit('bank', { inFlight: 1 }).to({ uid }),
      allow('bank').to({ uid: uid + 1 }),
    ],
  });
  await exposeLog(await domain.open());
  const device = await domain.open();
  t.is(await passing(await device.service(Log), 5), 1);
  await t.throwsAsync(device.service(defineService('bank', { pay: method() })), {
    code: 'EACCES',
    message: new RegExp(`its rules admit uid ${uid + 1} `),
  });
});

test('explain lists the limits that apply and their rules', async (t) => {
  const domain = await startDomain(t, {
    policy: [
      allow(Log).to({ uid }),
      limit(Log).to({ uid }),
      limit(Log, { inFlight: 2 }, 'hold').to({ pid }),
      limit(Log, { inFlight: 1 }).to({ uid: uid + 1 }),
    ],
  });
  const { manager } = domain;
  await exposeLog(await domain.open());
  const limitsOf = (...about: [string?]) =>
    manager.explain(here, Log, ...about).limits.map(({ name, quota }) => [name, quota]);
  t.deepEqual(limitsOf(), [
    ['rule 2', upstreamQuota],
    ['rule 3', { inFlight: 2 }],
  ]);
  t.deepEqual(limitsOf('read'), [['rule 2', upstreamQuota]]);
  t.like(manager.explain(here, Log, 'hold'), {
    allowed: true,
    explanation: `rule 1 allows uid ${uid}`,
    limits: [{ rule: manager.rules[1] }, { rule: manager.rules[2] }],
  });
  t.deepEqual(
    manager.explain(here, Log).considered.map(({ name, fits }) => [name, fits]),
    [
      ['rule 1', 'yes'],
      ['rule 2', 'yes'],
      ['rule 3', 'yes'],
      ['rule 4', 'no'],
    ],
  );
  t.deepEqual(manager.explainServing(here, Log).limits, []);
});
