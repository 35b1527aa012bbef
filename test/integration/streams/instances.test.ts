/**
 * Tests that a stream stays with its instance when a service has several instances or is withdrawn.
 */
import ava, { type ExecutionContext } from 'ava';
import { startDomain } from '#test/support/domain.js';
import { Flowing, Flows, collect } from '#test/support/flows.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava;

async function instances(t: ExecutionContext, count: number) {
  const domain = await startDomain(t);
  const all = await Promise.all(
    Array.from({ length: count }, async () => {
      const service = await domain.open();
      const flowing = new Flowing();
      const exposed = await service.expose(Flows, flowing, { instances: 'many' });
      return { service, flowing, exposed };
    }),
  );
  const device = await domain.open();
  return { domain, all, device, client: await device.service(Flows) };
}

test('streams are distributed over the instances, and each stays with its own', async (t) => {
  const { all, device, client } = await instances(t, 3);
  const streams = Array.from({ length: 6 }, () => client.count(2000));
  await Promise.all(streams.map(({ opened }) => opened));
  for (const { flowing } of all) t.true(flowing.produced > 0);
  const expected = Array.from({ length: 2000 }, (_, index) => index);
  const got = await Promise.all(streams.map((stream) => collect(stream)));
  for (const items of got) t.deepEqual(items, expected);
  t.is(await client.sum(expected), 1_999_000);
  t.deepEqual(await collect(client.double([1, 2])), [2, 4]);
  t.is(device.pendingCalls, 0);
});

for (const many of [false, true]) {
  test(`a drain finishes the streams that have begun (${many ? 'one of many' : 'the only one'})`, async (t) => {
    const { domain, all, client, device } = await instances(t, many ? 2 : 1);
    const stream = client.count(3000);
    t.is((await stream.next()).value, 0);
    const serving = all.find(({ flowing }) => flowing.produced > 0);
    if (serving === undefined) throw new Error('no instance serves the stream');
    const drained = serving.exposed.drain({ timeoutMs: 5000 });
    const other = new Flowing();
    if (!many) await (await domain.open()).expose(Flows, other, { instances: 'many' });
    await until(() => serving.exposed.handle === 0 || serving.flowing.produced > 0);
    // A call goes to another instance; the stream continues where it began.
    t.is(
      await client.ping(undefined, { timeoutMs: 3000 }).catch((error: unknown) => String(error)),
      'pong',
    );
    t.is((await collect(stream)).length, 2999);
    t.is(await drained, 0);
    t.is(serving.flowing.produced, 3000);
    t.deepEqual(await collect(client.count(2)), [0, 1]);
    t.is(serving.flowing.produced, 3000);
    await until(() => device.pendingCalls === 0);
  });
}
