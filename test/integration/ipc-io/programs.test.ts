/**
 * Tests methods whose messages are parcels, between Node and a C program that uses only the device.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import ava, { type ExecutionContext } from 'ava';
import { LiteIpcError, RemoteError } from 'liteipc';
import { shapeOf } from '#lib/contract/shape.js';
import { startDomain } from '#test/support/domain.js';
import { Gauge, makeGauge } from '#test/support/gauge.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { root } from '#test/support/paths.js';

usePrivateRuntime();
const test = ava.serial;

const program = join(root, 'build-native/parcel_peer');

/** Runs the program with a /dev/lite_ipc of the domain. It ends with the test. */
function startProgram(t: ExecutionContext, domain: string, ...input: string[]): ChildProcess {
  const command = [join(root, 'dist/cli/liteipc.js'), 'run', '--domain', domain, program, ...input];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  return child;
}

async function outputOf(child: ChildProcess): Promise<string> {
  const { stdout } = child;
  const [output] = await Promise.all([
    text(stdout as NonNullable<typeof stdout>),
    once(child, 'exit'),
  ]);
  return output;
}

for (const profile of ['host', 'liteos-a'] as const) {
  test(`a C program calls a service in Node: ${profile}`, async (t) => {
    const domain = await startDomain(t, { profile });
    const service = await domain.open();
    await service.expose(Gauge, makeGauge());
    const child = startProgram(t, domain.name, 'call', Gauge.name, String(Gauge.hash));
    t.deepEqual((await outputOf(child)).split('\n'), [
      'sum böiler has 4 values: 3999999998',
      'echo 4',
      'echo 6144',
      'notes 3',
      'fail No such file or directory',
      'garbage No such file or directory',
      '',
    ]);
    t.is(child.exitCode, 0);
  });

  test(`a service in Node discards the objects that a C program sends: ${profile}`, async (t) => {
    const domain = await startDomain(t, { profile });
    const service = await domain.open();
    await service.expose(Gauge, makeGauge());
    const gauge = await (await domain.open()).service(Gauge);
    t.is(await gauge.notes(), 0);
    const before = readdirSync('/proc/self/fd').length;
    const child = startProgram(t, domain.name, 'flood', Gauge.name, String(Gauge.hash));
    t.is(await outputOf(child), 'answered 300\n');
    t.is(child.exitCode, 0);
    // After the reply all earlier messages were processed. Some descriptors belong to the lanes.
    t.is(await gauge.notes(), 300);
    t.true(readdirSync('/proc/self/fd').length < before + 50);
  });

  test(`Node calls a service in C: ${profile}`, async (t) => {
    const domain = await startDomain(t, { profile });
    const child = startProgram(t, domain.name, 'serve', Gauge.name, shapeOf(Gauge.methods));
    const { stdout } = child;
    await once(stdout as NonNullable<typeof stdout>, 'data');
    const device = await domain.open();
    const gauge = await device.service(Gauge);
    // The replies contain codes from 0 on, which must not be mistaken for codes of errors.
    t.deepEqual(await gauge.sum({ name: 'kettle', values: [1, -2, 2 ** 31 - 1] }), {
      text: 'kettle has 3 values',
      total: 2n ** 31n - 2n,
    });
    for (const size of [4, 400, 6144]) {
      t.deepEqual(
        await gauge.echo(new Uint8Array(size).fill(size)),
        new Uint8Array(size).fill(size),
      );
    }
    await Promise.all(Array.from({ length: 50 }, (_, index) => gauge.note(index)));
    t.is(await gauge.notes(), 50);
    const failure = await t.throwsAsync(gauge.fail('why'), { instanceOf: RemoteError });
    t.like(failure, { code: 'EREMOTE', service: 'gauge', method: 'fail' });
    t.regex(failure?.message ?? '', /failed and gave no reason/);
    await t.throwsAsync(gauge.sum({ name: 'none', values: [] }), {
      instanceOf: LiteIpcError,
      code: 'EINVAL',
      message: /gauge\.sum: input: the parcel was not written: Expected at least one element/,
    });
    for (let batch = 0; batch < 10; batch++) {
      const calls = Array.from({ length: 100 }, (_, index) =>
        gauge.sum({ name: 'k', values: [index, batch] }),
      );
      const totals = (await Promise.all(calls)).map(({ total }) => Number(total) - batch);
      t.deepEqual(totals, [...Array(100).keys()]);
    }
  });
}
