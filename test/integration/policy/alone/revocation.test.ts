/** Tests the revocation of rights while calls are in flight: both sides are notified at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import ava from 'ava';
import { allow, defineService, method, oneway, type CallContext } from 'liteipc';
import { startDomain } from '#test/support/domain.js';
import { Participant, endParticipants } from '#test/support/participant.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { isPending, scaled, until, within } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava;

const Slow = defineService('slow', {
  /** Answers after the caller has stopped waiting. */
  hold: method<string>(),
  /** Answers when the test says so, and ignores the signal. */
  deaf: method<string, string>(),
  note: oneway<string>(),
  quick: method<void, string>(),
});

const uid = process.getuid?.() ?? 0;
const me = { pid: process.pid };

/** Starts a domain with the service and a client in this process. */
async function slow(
  t: Parameters<typeof startDomain>[0],
  options: { readonly concurrency?: number; readonly queue?: number } = {},
) {
  const domain = await startDomain(t);
  const heard = { begun: [] as string[], ended: [] as string[], errors: [] as string[] };
  let answerDeaf: (answer: string) => void = () => undefined;
  const deaf = new Promise<string>((resolve) => (answerDeaf = resolve));
  const implementation = {
    hold: (name: string, call: CallContext) => {
      heard.begun.push(name);
      // Never answers: an answer could arrive before the caller sees the revocation.
      call.signal.addEventListener('abort', () => {
        heard.ended.push(`${name} ${(call.signal.reason as { code: string }).code}`);
      });
      return new Promise<undefined>(() => undefined);
    },
    deaf: (name: string) => {
      heard.begun.push(name);
      return deaf;
    },
    note: (name: string) => void heard.begun.push(name),
    quick: () => 'done',
  };
  const device = await domain.open();
  await device.expose(Slow, implementation, {
    ...options,
    onError: (error) => void heard.errors.push((error as Error).message),
  });
  const clientDevice = await domain.open();
  const client = await clientDevice.service(Slow);
  return { domain, device, client, clientDevice, heard, answerDeaf };
}

/** A signal that is never aborted. The service watches such calls from the beginning. */
const signal = new AbortController().signal;
const forEver = { timeoutMs: Infinity } as const;

/** Fails if the call does not end at once. */
const atOnce = (call: Promise<unknown>): Promise<unknown> =>
  within(call, 1000, () => 'the call has not ended');

test('a revocation fails calls in flight at once and aborts them at the service', async (t) => {
  const { domain, client, clientDevice, heard } = await slow(t);
  const calls = [client.hold('a', forEver), client.hold('b', { ...forEver, signal })];
  for (const call of calls) call.catch(() => undefined);
  await until(() => heard.begun.length === 2);
  t.is(await domain.manager.revoke(Slow, me), 1);
  for (const call of calls) {
    await t.throwsAsync(atOnce(call), {
      code: 'EACCES',
      message: 'slow.hold: the right to call it was revoked (EACCES)',
    });
  }
  t.is(clientDevice.pendingCalls, 0);
  await until(() => heard.ended.length === 2);
  t.deepEqual(heard.ended, ['a EACCES', 'b EACCES']);
  await t.throwsAsync(client.quick(), { code: 'EACCES' });
});

test('a new grant does not revive revoked calls, and new calls succeed', async (t) => {
  const { domain, client, heard } = await slow(t);
  for (let round = 0; round < 5; round++) {
    const old = client.hold(`old ${round}`, { ...forEver, signal });
    old.catch(() => undefined);
    await until(() => heard.begun.includes(`old ${round}`));
    await domain.manager.revoke(Slow, me);
    await domain.manager.grant(Slow, me);
    t.is(await client.quick(), 'done');
    const next = client.hold(`new ${round}`, forEver);
    next.catch(() => undefined);
    await t.throwsAsync(atOnce(old), { code: 'EACCES' });
    await until(() => heard.ended.includes(`old ${round} EACCES`));
    t.true(await isPending(next, 200), 'it is still in flight');
  }
});

test('a revocation removes queued calls', async (t) => {
  const { domain, client, heard, answerDeaf } = await slow(t, { concurrency: 1 });
  const first = client.deaf('first', forEver);
  first.catch(() => undefined);
  const second = client.deaf('second', forEver);
  second.catch(() => undefined);
  await client.note('third');
  await until(() => heard.begun.length === 1);
  // Waits until the service has taken all three.
  await sleep(50);
  await domain.manager.revoke(Slow, me);
  answerDeaf('late');
  await t.throwsAsync(atOnce(first), { code: 'EACCES' });
  await t.throwsAsync(atOnce(second), { code: 'EACCES' });
  await sleep(300);
  t.deepEqual(heard.begun, ['first']);
  t.deepEqual(heard.errors, ["The caller's right to call was revoked (EACCES)"]);
});

test('narrower method rules end the calls that they refuse, and no others', async (t) => {
  const { domain, client, heard, answerDeaf } = await slow(t);
  const held = client.hold('held', { ...forEver, signal });
  held.catch(() => undefined);
  const deaf = client.deaf('deaf', { ...forEver, signal });
  deaf.catch(() => undefined);
  await until(() => heard.begun.length === 2);
  await domain.manager.revoke(Slow, me, ['hold']);
  await t.throwsAsync(atOnce(held), {
    code: 'EACCES',
    message: /^slow\.hold: the policy no longer admits process \d+ .* to this method/,
  });
  t.deepEqual(heard.ended, ['held EACCES']);
  answerDeaf('heard');
  t.is(await deaf, 'heard');
  await t.throwsAsync(client.hold('again'), { code: 'EACCES' });
  t.is(await client.quick(), 'done');
  t.deepEqual(heard.errors, []);
});

test('narrower method rules remove queued calls', async (t) => {
  const { domain, client, heard, answerDeaf } = await slow(t, { concurrency: 1 });
  const first = client.deaf('first', { ...forEver, signal });
  first.catch(() => undefined);
  const second = client.hold('second', forEver);
  second.catch(() => undefined);
  await client.note('third');
  const fourth = client.quick(undefined, forEver);
  await until(() => heard.begun.length === 1);
  await sleep(50);
  await domain.manager.revoke(Slow, me, ['deaf', 'hold', 'note']);
  await t.throwsAsync(atOnce(first), { code: 'EACCES', message: /slow\.deaf: the policy/ });
  await t.throwsAsync(atOnce(second), { code: 'EACCES', message: /slow\.hold: the policy/ });
  answerDeaf('too late');
  t.is(await fourth, 'done');
  t.deepEqual(heard.begun, ['first']);
  t.is(heard.errors.length, 1);
  t.regex(heard.errors[0] ?? '', /^slow\.note: the policy no longer admits/);
});

test('a revocation affects only the processes that it names', async (t) => {
  t.teardown(endParticipants);
  const domain = 'revocation';
  const manager = await Participant.start('manager');
  const service = await Participant.start('service');
  const client = await Participant.start('client');
  const other = await Participant.start('other');
  const policy = allow('work').to({ uid });
  await manager.do('startManager', { domain, policy });
  for (const participant of [service, client, other]) await participant.do('open', { domain });
  await service.do('expose', {});
  const hold = { method: 'hold', input: 0, count: 20, timeoutMs: 60_000 } as const;
  await client.do('begin', hold);
  await other.do('begin', { ...hold, method: 'wait', input: 1500, count: 3 });
  const held = async () => (await other.do('call', { method: 'held' })) as { value?: unknown };
  while ((await held()).value !== 20) await sleep(5);
  t.is(await manager.do('revoke', { service: 'work', pid: client.pid }), 1);
  const revokedAt = performance.timeOrigin + performance.now();
  for (const outcome of await client.do('outcomes', undefined)) {
    t.like(outcome, { ok: false, code: 'EACCES' });
  }
  t.true(performance.timeOrigin + performance.now() - revokedAt < scaled(1000));
  t.is((await client.do('facts', {})).pendingCalls, 0);
  const others = await other.do('outcomes', undefined);
  t.true(others.length === 3 && others.every(({ ok }) => ok));
});
