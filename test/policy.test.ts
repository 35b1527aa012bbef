/** The policy: who may call and serve what, and why. */
import test from 'ava';
import { allow, defineService, deny, method } from 'liteipc';
import { Policy, toRules } from '#lib/policy.js';

const Shop = defineService('shop', { buy: method() });
const MANAGER_UID = 1000;
const somebody = { pid: 10, uid: 1000, gid: 100 };
const stranger = { pid: 11, uid: 2000, gid: 200 };

function policy(...rules: Parameters<typeof toRules>[0] extends never ? never : unknown[]): Policy {
  return new Policy(toRules(rules), MANAGER_UID);
}

test("without a rule a service admits the manager's uid alone", (t) => {
  const none = policy();
  t.true(none.decide('call', 'shop', somebody).allowed);
  t.like(none.decide('call', 'shop', stranger), {
    allowed: false,
    explanation: 'without a rule it admits uid 1000 alone',
  });
});

test('a service with an allow admits exactly those named', (t) => {
  const rules = policy(allow(Shop).to({ uid: 2000 }));
  t.like(rules.decide('call', 'shop', stranger), {
    allowed: true,
    explanation: 'rule 1 allows uid 2000',
  });
  t.like(rules.decide('call', 'shop', somebody), {
    allowed: false,
    explanation: 'its rules admit uid 2000',
  });
  // Another service is not concerned.
  t.true(rules.decide('call', 'other', somebody).allowed);
});

test('every kind of subject, and all of one subject together', (t) => {
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

test('several subjects: any of them', (t) => {
  const rules = policy(allow(Shop).to({ pid: 10 }, { pid: 11 }));
  t.true(rules.decide('call', 'shop', somebody).allowed);
  t.true(rules.decide('call', 'shop', stranger).allowed);
  t.is(
    rules.decide('call', 'shop', { pid: 12, uid: 0, gid: 0 }).explanation,
    'its rules admit pid 10; pid 11',
  );
});

test('a deny wins over every allow, and alone leaves the default', (t) => {
  const both = policy(allow(Shop).to({ uid: 1000 }), deny(Shop).to({ pid: 10 }));
  t.like(both.decide('call', 'shop', somebody), {
    allowed: false,
    explanation: 'rule 2 denies pid 10',
  });
  const alone = policy(deny(Shop).to({ pid: 10 }));
  t.true(alone.decide('call', 'shop', { ...somebody, pid: 12 }).allowed);
  t.false(alone.decide('call', 'shop', stranger).allowed);
});

test('serving is decided apart from calling', (t) => {
  const rules = policy(allow(Shop).toServe({ uid: 2000 }));
  t.true(rules.decide('serve', 'shop', stranger).allowed);
  t.false(rules.decide('serve', 'shop', somebody).allowed);
  t.true(rules.decide('call', 'shop', somebody).allowed);
});

test('a rule that was added counts at once', (t) => {
  const rules = policy();
  const [rule] = deny(Shop).to({ uid: 1000 });
  t.truthy(rule);
  if (rule !== undefined) rules.add(rule);
  t.false(rules.decide('call', 'shop', somebody).allowed);
});

test('rules are data: what JSON gives back is as good', (t) => {
  const written = JSON.stringify([allow(Shop).to({ uids: [2000] })]);
  const read = new Policy(toRules(JSON.parse(written)), MANAGER_UID);
  t.true(read.decide('call', 'shop', stranger).allowed);
});

test('what is not a rule is refused with what was expected', (t) => {
  const refused = (rules: unknown, pattern: RegExp): void => {
    t.regex(t.throws(() => toRules(rules), { instanceOf: TypeError }).message, pattern);
  };
  refused('all', /^Expected an array of rules for policy but received string "all"$/);
  refused([5], /^Expected an object for rule 1 of the policy but received number 5$/);
  refused([{ effect: 'permit' }], /^Expected allow or deny for effect of rule 1/);
  refused([{ effect: 'allow', action: 'call', service: 's p' }], /for service of rule 1/);
  refused([{ effect: 'allow', action: 'call', service: 's', subject: {} }], /a subject/);
  t.throws(() => allow(Shop).to({ uid: -1 }), { message: /for uid of a subject.*number -1/ });
  t.throws(() => allow(Shop).to({ uids: [] }), { message: /an array of uids/ });
  t.throws(() => allow(Shop).to({ user: 'me' } as never), { message: /string "user"/ });
  t.throws(() => allow(Shop).to(), { message: /at least one subject/ });
  t.throws(() => allow(7 as never), { message: /a contract made by defineService/ });
});
