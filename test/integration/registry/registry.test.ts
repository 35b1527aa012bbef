/** Tests names, rights and terminations in one process. */
import test from 'ava';
import { ServiceManager, allow, defineService, deny, method, openDevice } from 'liteipc';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();

const Echo = defineService('echo', { echo: method<unknown, unknown>(), hang: method() });
const echo = {
  echo: (value: unknown) => value,
  hang: () => new Promise<void>(() => undefined),
};

test('without a domain the error is ENODEV with the remedy', async (t) => {
  await t.throwsAsync(openDevice({ domain: 'nowhere' }), {
    code: 'ENODEV',
    message:
      'Domain "nowhere": no such domain is running; start it with ServiceManager.start({ domain: \'nowhere\' }) (ENODEV)',
  });
});

test('a domain has one manager at a time', async (t) => {
  const { name, manager } = await startDomain(t);
  await t.throwsAsync(ServiceManager.start({ domain: name }), {
    code: 'EADDRINUSE',
    message: /a domain of this name is running/,
  });
  await manager.close();
  const next = await ServiceManager.start({ domain: name });
  await next.close();
});

test('options of the manager are checked', async (t) => {
  for (const options of [
    {},
    { domain: '' },
    { domain: 'a b' },
    { domain: 'ok', profile: 'big' },
    { domain: 'ok', socketMode: 0o1000 },
    { domain: 'ok', socketGid: -1 },
    { domain: 'ok', policy: { uid: 1 } },
  ]) {
    await t.throwsAsync(ServiceManager.start(options as never), { instanceOf: TypeError });
  }
});

test('an unknown service is ENOENT, and the error names it', async (t) => {
  const device = await (await startDomain(t)).open();
  await t.throwsAsync(device.service(Echo), {
    code: 'ENOENT',
    message: 'No service "echo" is registered: start the process that exposes it (ENOENT)',
  });
});

test('a name has one owner, and is free when the owner has ended', async (t) => {
  const domain = await startDomain(t);
  const [one, two] = [await domain.open(), await domain.open()];
  const exposed = await one.expose(Echo, echo);
  t.deepEqual(
    domain.manager.services().map(({ name, handle }) => ({ name, handle })),
    [{ name: 'echo', handle: exposed.handle }],
  );
  await t.throwsAsync(two.expose(Echo, echo), {
    code: 'EEXIST',
    message: /"echo" is being served by process \d+ .*a name has one owner/,
  });
  await t.throwsAsync(one.expose(Echo, echo), { code: 'EEXIST' });
  await exposed.dispose();
  t.deepEqual(domain.manager.services(), []);
  await two.expose(Echo, echo);
  await two.close();
  await until(() => domain.manager.services().length === 0);
  await one.expose(Echo, echo);
});

test('of two simultaneous registrations one gets the name', async (t) => {
  const domain = await startDomain(t);
  const devices = await Promise.all(Array.from({ length: 5 }, () => domain.open()));
  const outcomes = await Promise.allSettled(devices.map((device) => device.expose(Echo, echo)));
  t.is(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') t.is((outcome.reason as { code: string }).code, 'EEXIST');
  }
});

test('a refusal by a rule is EACCES, and names the service and the caller', async (t) => {
  const domain = await startDomain(t, { policy: [allow(Echo).to({ pid: 1 })] });
  await (await domain.open()).expose(Echo, echo);
  await t.throwsAsync((await domain.open()).service(Echo), {
    code: 'EACCES',
    message: new RegExp(
      `^Service "echo" refuses process ${process.pid} \\(uid \\d+, gid \\d+\\): its rules admit pid 1 \\(EACCES\\)$`,
    ),
  });
});

test('a process that may not serve a name is refused', async (t) => {
  const domain = await startDomain(t, { policy: [deny(Echo).toServe({ pid: process.pid })] });
  await t.throwsAsync((await domain.open()).expose(Echo, echo), {
    code: 'EACCES',
    message: /^Service "echo" may not be served by process \d+ .*rule 1 denies/,
  });
});

test('a revocation takes effect at once and lasts', async (t) => {
  const domain = await startDomain(t);
  await (await domain.open()).expose(Echo, echo);
  const device = await domain.open();
  const client = await device.service(Echo);
  t.is(await client.echo(1), 1);
  t.is(await domain.manager.revoke(Echo, { pid: process.pid }), 1);
  await t.throwsAsync(client.echo(2), { code: 'EACCES', message: /a revocation denies pid/ });
  await t.throwsAsync(client.echo(3), { code: 'EACCES' });
  await t.throwsAsync((await domain.open()).service(Echo), { code: 'EACCES' });
});

test('pending calls fail when the service ends, and the next call finds the new instance', async (t) => {
  const domain = await startDomain(t);
  const first = await (await domain.open()).expose(Echo, echo);
  const device = await domain.open();
  const client = await device.service(Echo);
  let deaths = 0;
  const watch = device.onDeath(client, () => deaths++);
  const pending = client.hang(undefined, { timeoutMs: Infinity });
  t.is(await client.echo('a'), 'a');
  await Promise.all([
    t.throwsAsync(pending, { code: 'EPIPE', message: /^echo\.hang: the service terminated/ }),
    first.dispose(),
  ]);
  await until(() => deaths === 1);
  await t.throwsAsync(client.echo('b'), { code: 'ENOENT' });

  const second = await (await domain.open()).expose(Echo, echo);
  t.is(await client.echo('c'), 'c');
  watch[Symbol.dispose]();
  await second.dispose();
  await t.throwsAsync(client.echo('d'), { code: 'ENOENT' });
  t.is(deaths, 1);
});

test('the same contract returns the same client', async (t) => {
  const domain = await startDomain(t);
  await (await domain.open()).expose(Echo, echo);
  const device = await domain.open();
  const [one, two] = await Promise.all([device.service(Echo), device.service(Echo)]);
  t.is(one, two);
});

test('a service works in a domain with the limits of the kernel', async (t) => {
  const domain = await startDomain(t, { profile: 'liteos-a' });
  await (await domain.open()).expose(Echo, echo);
  const client = await (await domain.open()).service(Echo);
  t.is(((await client.echo(Buffer.alloc(6000))) as Buffer).length, 6000);
  t.is(((await client.echo(Buffer.alloc(7000))) as Buffer).length, 7000);
});
