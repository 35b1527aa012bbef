/** `close` in every order, within one process and across processes and worker threads. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import ava, { type ExecutionContext } from 'ava';
import { LiteIpcError, ServiceManager, openDevice } from 'liteipc';
import { Participant, endParticipants } from '#test/support/participant.js';
import type { Outcome } from '#test/support/participant-commands.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { workService } from '#test/support/work.js';
import { until, within } from '#test/support/deadlines.js';

const runtimeFolder = usePrivateRuntime();
// One after the other: they count descriptors.
const test = ava.serial;
test.afterEach.always(endParticipants);

type Member = 'manager' | 'service' | 'client';

const orders: readonly Member[][] = [
  ['manager', 'service', 'client'],
  ['manager', 'client', 'service'],
  ['service', 'manager', 'client'],
  ['service', 'client', 'manager'],
  ['client', 'manager', 'service'],
  ['client', 'service', 'manager'],
];

/** What a call in flight fails with, by who is closed first. */
const expectedCode: Readonly<Record<Member, string>> = {
  manager: 'ENODEV',
  service: 'EPIPE',
  client: 'ECANCELED',
};

/**
 * What calls may fail with when nobody waits for the news of a close: it may come after the next
 * one's, and after the client closed its own device.
 */
function possibleCodes(order: readonly Member[]): readonly string[] {
  const own = order.indexOf('client');
  return (own === -1 ? order : order.slice(0, own + 1)).map((member) => expectedCode[member]);
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

function runtimeFiles(): string[] {
  const folder = join(runtimeFolder, 'liteipc');
  return existsSync(folder) ? readdirSync(folder) : [];
}

async function close(what: { close(): Promise<void> }, name: string): Promise<void> {
  await within(what.close(), 5000, () => `close of the ${name} does not end`);
}

/** One of everything in this thread, with calls in flight; `end` closes it somehow. */
async function inOneThread(
  t: ExecutionContext,
  end: (
    members: Readonly<Record<Member, { close(): Promise<void> }>>,
    codes: readonly string[],
  ) => Promise<void>,
): Promise<string[]> {
  const domain = 'one-thread';
  const contract = workService('work');
  const manager = await ServiceManager.start({ domain });
  const service = await openDevice({ domain });
  let held = 0;
  await service.expose(contract, {
    ...({} as Parameters<typeof service.expose<typeof contract.methods>>[1]),
    echo: (value) => value,
    who: (_input, call) => call.caller,
    add: ([left, right]) => left + right,
    wait: () => new Promise(() => undefined),
    hold: () => {
      held += 1;
      return new Promise(() => undefined);
    },
    held: () => held,
    block: () => undefined,
    fail: () => undefined,
    note: () => undefined,
    received: () => ({ count: 0, disorder: 0 }),
  });
  const client = await openDevice({ domain });
  t.teardown(() => Promise.all([manager, service, client].map((member) => member.close())));
  const work = await client.service(contract);
  t.is(await work.add([1, 2]), 3);
  const codes: string[] = [];
  const calls = Array.from({ length: 20 }, () =>
    work.hold(undefined, { timeoutMs: 30_000 }).then(
      () => codes.push('answered'),
      (error: unknown) => codes.push((error as LiteIpcError).code),
    ),
  );
  await until(
    () => held === 20,
    () => `${held} of 20 calls are held`,
  );
  await end({ manager, service, client }, codes);
  await within(Promise.all(calls), 2000, () => `${codes.length} of 20 calls have ended`);
  return codes;
}

for (const order of orders) {
  test(`in one thread: ${order.join(', ')}`, async (t) => {
    const before = descriptors();
    for (const waits of [false, true]) {
      const codes = await inOneThread(t, async (members, ended) => {
        for (const name of order) {
          await close(members[name], name);
          // Closed is closed: once more does nothing.
          await close(members[name], name);
          if (waits)
            await until(
              () => ended.length === 20,
              () => `${ended.length} of 20 calls ended`,
            );
        }
      });
      t.is(codes.length, 20);
      const possible = possibleCodes(waits ? order.slice(0, 1) : order);
      for (const code of codes) t.true(possible.includes(code), code);
      await until(
        () => descriptors() === before,
        () => `${descriptors()} of ${before} descriptors`,
      );
      t.deepEqual(runtimeFiles(), []);
    }
  });
}

test('in one thread: all at once, in every order', async (t) => {
  const before = descriptors();
  for (const order of orders) {
    const codes = await inOneThread(t, async (members) => {
      await Promise.all(order.map((name) => close(members[name], name)));
    });
    t.is(codes.length, 20);
    for (const code of codes) t.true(Object.values(expectedCode).includes(code), code);
  }
  await until(
    () => descriptors() === before,
    () => `${descriptors()} of ${before} descriptors`,
  );
  t.deepEqual(runtimeFiles(), []);
});

test('after close every method says so', async (t) => {
  const domain = 'closed';
  const manager = await ServiceManager.start({ domain });
  t.teardown(() => manager.close());
  const device = await openDevice({ domain });
  const contract = workService('work');
  await device.close();
  const expected = { instanceOf: LiteIpcError, code: 'ECANCELED' } as object;
  await t.throwsAsync(device.service(contract), expected);
  t.false(device.connected);
  t.is(device.pendingCalls, 0);
  t.deepEqual(device.counters(), {});
  t.is(device.ref().unref(), device);
  await manager.close();
  await t.throwsAsync(openDevice({ domain }), { code: 'ENODEV' } as object);
});

for (const asWorker of [false, true]) {
  test(`across ${asWorker ? 'worker threads' : 'processes'}: every order`, async (t) => {
    const members = {
      manager: await Participant.start('manager', { asWorker }),
      service: await Participant.start('service', { asWorker }),
      client: await Participant.start('client', { asWorker }),
    };
    const { manager, service, client } = members;
    const domain = `across-${asWorker ? 'workers' : 'processes'}`;
    const atFirst = new Map<Participant, number>();
    for (const [round, order] of [...orders, ...orders].entries()) {
      await manager.do('startManager', { domain });
      await service.do('open', { domain });
      await service.do('expose', {});
      await client.do('open', { domain });
      await client.do('begin', { method: 'hold', count: 20, timeoutMs: 30_000 });
      const held = await client.do('call', { method: 'held' });
      t.like(held, { ok: true, value: 20 });
      const waits = round >= orders.length;
      let outcomes: readonly Outcome[] = [];
      for (const name of order) {
        if (name === 'manager') await manager.do('stopManager', undefined);
        else await members[name].do('close', {});
        if (waits && name === order[0]) outcomes = await client.do('outcomes', undefined, 5000);
      }
      if (!waits) outcomes = await client.do('outcomes', undefined, 5000);
      t.is(outcomes.length, 20);
      const codes = possibleCodes(waits ? order.slice(0, 1) : order);
      for (const outcome of outcomes) {
        t.true(!outcome.ok && codes.includes(outcome.code), JSON.stringify(outcome));
      }
      t.deepEqual(runtimeFiles(), []);
      // The first round opens what stays: the addon, a log, an entropy source.
      for (const participant of [manager, service, client]) {
        const limit = atFirst.get(participant);
        let { descriptors: now } = await participant.do('facts', {});
        if (round === 0) atFirst.set(participant, now);
        await until(
          async () => {
            ({ descriptors: now } = await participant.do('facts', {}));
            return now <= (limit ?? now);
          },
          () => `${participant.name} has ${now} descriptors, ${limit ?? 0} at first`,
          2000,
        );
      }
    }
  });
}
