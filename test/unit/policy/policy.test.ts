/** Tests the decisions of a policy on calling and serving, and their reasons. */
import test from 'ava';
import { allow, defineService, deny, method } from 'liteipc';
import type { Rule } from 'liteipc/manager';
import { Policy } from '#lib/policy/policy.js';
import { toRules } from '#lib/policy/rules.js';

const Shop = defineService('shop', { buy: method(), list: method(), clear: method() });
const MANAGER_UID = 1000;
const somebody = { pid: 10, uid: 1000, gid: 100 };
const stranger = { pid: 11, uid: 2000, gid: 200 };

function policy(...rules: Parameters<typeof toRules>[0] extends never ? never : unknown[]): Policy {
  return new Policy(toRules(rules), MANAGER_UID);
}

test("without a rule a service admits only the manager's uid", (t) => {
  const none = policy();
  t.true(none.decide('call', 'shop', somebody).allowed);
  t.like(none.decide('call', 'shop', stranger), {
    allowed: false,
    explanation: 'without a rule it admits uid 1000 alone',
  });
});

test('a service with an allow admits only the callers that it names', (t) => {
  const rules = policy(allow(Shop).to({ uid: 2000 }));
  t.like(rules.decide('call', 'shop', stranger), {
    allowed: true,
    explanation: 'rule 1 allows uid 2000',
  });
  t.like(rules.decide('call', 'shop', somebody), {
    allowed: false,
    explanation: 'its rules admit uid 2000',
  });
  // The rule does not affect another service.
  t.true(rules.decide('call', 'other', somebody).allowed);
});

test('a subject matches if all of its fields match', (t) => {
  const admits = (subject: object, identity: typeof somebody): boolean =>
    policy(allow('shop').to(subject)).decide('call', 'shop', identity).allowed;
  t.true(admits({ gid: 100 }, somebody));
  t.false(admits({ gid: 100 }, stranger));
  t.true(admits({ pid: 11 }, stranger));
  t.false(admits({ pid: 11 }, somebody));
  t.true(admits({ uids: [1, 2000] }, stranger));
  t.false(admits({ uids: [1, 2000] }, somebody));
  t.true(admits({ uid: 1000, gid: 100 }, somebody));
  t.false(admits({ uid: 1000, gid: 200 }, somebody));
});

test('a rule with several subjects matches any of them', (t) => {
  const rules = policy(allow(Shop).to({ pid: 10 }, { pid: 11 }));
  t.true(rules.decide('call', 'shop', somebody).allowed);
  t.true(rules.decide('call', 'shop', stranger).allowed);
  t.is(
    rules.decide('call', 'shop', { pid: 12, uid: 0, gid: 0 }).explanation,
    'its rules admit pid 10; pid 11',
  );
});

test('a deny wins over every allow and does not replace the default', (t) => {
  const both = policy(allow(Shop).to({ uid: 1000 }), deny(Shop).to({ pid: 10 }));
  t.like(both.decide('call', 'shop', somebody), {
    allowed: false,
    explanation: 'rule 2 denies pid 10',
  });
  const alone = policy(deny(Shop).to({ pid: 10 }));
  t.true(alone.decide('call', 'shop', { ...somebody, pid: 12 }).allowed);
  t.false(alone.decide('call', 'shop', stranger).allowed);
});

test('rules for serving and for calling are separate', (t) => {
  const rules = policy(allow(Shop).toServe({ uid: 2000 }));
  t.true(rules.decide('serve', 'shop', stranger).allowed);
  t.false(rules.decide('serve', 'shop', somebody).allowed);
  t.true(rules.decide('call', 'shop', somebody).allowed);
});

test('a subject can be a range, a long list, a program or a predicate', (t) => {
  const admits = (subject: object, identity: typeof somebody): boolean =>
    policy(allow('shop').to(subject)).decide('call', 'shop', identity).allowed;
  t.true(admits({ uidRange: { from: 1000, to: 1999 } }, somebody));
  t.true(admits({ uidRange: { from: 1000, to: 1000 } }, somebody));
  t.false(admits({ uidRange: { from: 1001, to: 1999 } }, somebody));
  t.false(admits({ uidRange: { from: 0, to: 1999 } }, stranger));
  const many = Array.from({ length: 500 }, (_, index) => 2000 + index);
  t.true(admits({ uids: many }, stranger));
  t.false(admits({ uids: many }, somebody));
  const here = { ...somebody, pid: process.pid };
  t.true(admits({ executable: process.execPath }, here));
  t.false(admits({ executable: '/bin/sh' }, here));
  t.true(admits({ predicate: ({ gid }: { gid: number }) => gid === 100 }, somebody));
  t.false(admits({ predicate: ({ gid }: { gid: number }) => gid === 100 }, stranger));
  t.true(admits({ predicate: (of: { executable?: string }) => of.executable !== undefined }, here));
  t.false(admits({ uid: 1, predicate: () => true }, somebody), 'all of a subject together');
});

test('an unknown subject matches no allow and every deny, with a reason', (t) => {
  // No process has this pid: the largest pid of Linux is 2^22.
  const gone = { ...somebody, pid: 0x7fff_ffff };
  const program = { executable: '/usr/bin/shop' };
  t.like(policy(allow('shop').to(program)).decide('call', 'shop', gone), {
    allowed: false,
    explanation:
      'its rules admit executable /usr/bin/shop (advisory) (rule 1: the program of process 2147483647 is not readable)',
  });
  t.false(policy(deny('shop').to(program)).decide('call', 'shop', gone).allowed);
  const thrower = {
    predicate: () => {
      throw new Error('no idea');
    },
  };
  const thrown = policy(allow('shop').to({ uid: 1000 }), deny('shop').to(thrower));
  t.like(thrown.decide('call', 'shop', somebody), {
    allowed: false,
    explanation: 'rule 2 denies predicate predicate (its predicate threw Error: no idea)',
  });
  const promise = (): unknown => Promise.resolve(true);
  const late = policy(allow('shop').to({ predicate: promise as () => boolean }));
  t.regex(late.decide('call', 'shop', somebody).explanation, /returned object, not true or false/);
  t.false(late.decide('call', 'shop', somebody).allowed);
});

test('rules for single methods add up, and a deny for one does not affect the others', (t) => {
  const rules = policy(
    allow(Shop).to({ uid: 1000 }),
    allow(Shop, 'list').to({ gid: 200 }),
    deny(Shop, 'clear').to({ pid: 10 }),
  );
  const may = (identity: typeof somebody): boolean[] =>
    ['buy', 'list', 'clear'].map((name) => rules.decide('call', 'shop', identity, name).allowed);
  t.deepEqual(may(somebody), [true, true, false]);
  t.deepEqual(may({ ...somebody, pid: 12 }), [true, true, true]);
  t.deepEqual(may(stranger), [false, true, false]);
  t.deepEqual(may({ pid: 12, uid: 3000, gid: 300 }), [false, false, false]);
  t.true(rules.decide('call', 'shop', stranger).allowed, 'the service, because of one method');
  t.like(rules.decide('call', 'shop', somebody, 'clear'), {
    explanation: 'rule 3 denies pid 10 to clear',
  });
  t.is(
    rules.decide('call', 'shop', stranger, 'buy').explanation,
    'its rules admit uid 1000; gid 200 to list',
  );
  t.true(rules.hasMessageRules('shop'));
  t.false(rules.hasMessageRules('other'));
});

test('a grant admits additionally until it is revoked', (t) => {
  const rules = policy();
  const grant = allow(Shop).to({ uid: 2000 })[0] as Rule;
  rules.grant(grant);
  t.like(rules.decide('call', 'shop', stranger), {
    allowed: true,
    explanation: 'a grant allows uid 2000',
  });
  t.true(rules.decide('call', 'shop', somebody).allowed, 'a grant shuts nobody out');
  rules.revoke(deny(Shop).to({ uid: 2000 })[0] as Rule);
  t.like(rules.decide('call', 'shop', stranger), {
    allowed: false,
    explanation: 'a revocation denies uid 2000',
  });
  rules.revoke(deny(Shop).to({ uid: 2000 })[0] as Rule);
  t.is(rules.rules.length, 1, 'the same revocation is not stored twice');
  rules.grant(grant);
  t.true(rules.decide('call', 'shop', stranger).allowed);
  t.is(rules.rules.length, 1);
});

test('rules of a file are replaced together and named by their position', (t) => {
  const rules = policy();
  const fromFile = (subject: object, origin: string): Rule => ({
    ...(allow(Shop).to(subject)[0] as Rule),
    origin,
  });
  rules.replaceFile([fromFile({ uid: 2000 }, 'shop.jsonc:3:5')]);
  t.is(rules.decide('call', 'shop', stranger).explanation, 'shop.jsonc:3:5 allows uid 2000');
  rules.replaceFile([fromFile({ uid: 7 }, 'shop.jsonc:3:5')]);
  t.false(rules.decide('call', 'shop', stranger).allowed);
});

test('rules survive a round trip through JSON', (t) => {
  const written = JSON.stringify([allow(Shop).to({ uids: [2000] })]);
  const read = new Policy(toRules(JSON.parse(written)), MANAGER_UID);
  t.true(read.decide('call', 'shop', stranger).allowed);
});

test('an invalid rule is rejected with the expected form', (t) => {
  const refused = (rules: unknown, pattern: RegExp): void => {
    t.regex(t.throws(() => toRules(rules), { instanceOf: TypeError }).message, pattern);
  };
  refused('all', /^Expected an array of rules for policy but received string "all"$/);
  refused([5], /^Expected an object for rule 1 of the policy but received number 5$/);
  refused([{ effect: 'permit' }], /^Expected allow, deny or limit for effect of rule 1/);
  refused([{ effect: 'allow', action: 'call', service: 's p' }], /for service of rule 1/);
  refused([{ effect: 'allow', action: 'call', service: 's', subject: {} }], /a subject/);
  t.throws(() => allow(Shop).to({ uid: -1 }), { message: /for uid of a subject.*number -1/ });
  t.throws(() => allow(Shop).to({ uids: [] }), { message: /an array of uids/ });
  t.throws(() => allow(Shop).to({ user: 'me' } as never), { message: /string "user"/ });
  t.throws(() => allow(Shop).to({ uidRange: { from: 5, to: 4 } }), { message: /uidRange.to/ });
  t.throws(() => allow(Shop).to({ uidRange: { from: 5, until: 6 } as never }), {
    message: /uidRange/,
  });
  t.throws(() => allow(Shop).to({ executable: 'node' }), { message: /an absolute path/ });
  t.throws(() => allow(Shop).to({ predicate: true as never }), { message: /a function/ });
  t.throws(() => allow(Shop, 'bye' as never).to({ uid: 1 }), {
    message: /a method of shop \(buy, list, clear\) .*"bye"/,
  });
  refused(
    [{ effect: 'allow', action: 'serve', service: 's', methods: ['a'], subject: { uid: 1 } }],
    /no methods for methods of rule 1/,
  );
  t.throws(() => allow(Shop).to(), { message: /at least one subject/ });
  t.throws(() => allow(7 as never), { message: /a contract made by defineService/ });
});
