/** C programs under the shim and TypeScript services call each other in one domain. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ava, { type ExecutionContext } from 'ava';
import { defineService, deny, method, oneway } from 'liteipc';
import { Encoder } from '#lib/codec.js';
import { startDomain, type TestDomain } from './support/domain.js';
import { compile, liteipc, startLiteipc, type Toolchain } from './support/preload-programs.js';
import { gcc, musl } from './support/preload-programs.js';
import { usePrivateRuntime } from './support/private-runtime.js';

usePrivateRuntime();
const test = ava.serial;

const CALLS = 2000;

/** As test/preload/interop.c has it. */
function contractOf(name: string) {
  return defineService(name, {
    add: method<readonly [number, number], number>(),
    greet: method<string, string>(),
    fail: method(),
    note: oneway<number>(),
  });
}

async function exposeService(domain: TestDomain, name: string, notes: number[]): Promise<void> {
  const device = await domain.open();
  await device.expose(contractOf(name), {
    add: ([left, right]) => left + right,
    greet: async (who) => {
      await Promise.resolve();
      return `hello, ${who}`;
    },
    fail: () => {
      throw new RangeError('on purpose');
    },
    note: (number) => {
      notes.push(number);
    },
  });
}

async function clientInC(t: ExecutionContext, toolchain: Toolchain): Promise<void> {
  const domain = await startDomain(t);
  const notes: number[] = [];
  await exposeService(domain, 'in-typescript', notes);
  const program = await compile('interop', toolchain);
  const { code, stdout, stderr } = await liteipc([
    ...['run', '--domain', domain.name, program],
    ...['client', 'in-typescript', String(CALLS)],
  ]);
  t.is(code, 0, stderr);
  t.is(stdout, 'ok\n');
  t.deepEqual(notes, [CALLS]);
}

async function serviceInC(t: ExecutionContext, toolchain: Toolchain): Promise<void> {
  const domain = await startDomain(t);
  const program = await compile('interop', toolchain);
  const service = startLiteipc(['run', '--domain', domain.name, program, 'service', 'in-c']);
  await service.says('ready\n');
  t.like(domain.manager.services(), [{ name: 'in-c' }]);

  const device = await domain.open();
  const client = await device.service(contractOf('in-c'));
  t.is(await client.greet('TypeScript'), 'hello, TypeScript');
  const sums = await Promise.all(
    Array.from({ length: CALLS }, (_unused, index) => client.add([index, 70_000])),
  );
  t.true(sums.every((sum, index) => sum === index + 70_000));
  await t.throwsAsync(() => client.fail(), { code: 'EREMOTE' });
  t.is(await client.add([1, 2]), 3, 'a failure is the end of its call alone');
  await client.note(0);
  const { code, stderr } = await service.ended;
  t.is(code, 0, stderr);
}

for (const toolchain of [gcc, musl]) {
  test(`${toolchain.name}: a client in C calls a service in TypeScript`, clientInC, toolchain);
  test(`${toolchain.name}: a client in TypeScript calls a service in C`, serviceInC, toolchain);
}

test('the bytes in docs/preload.md are what is sent', (t) => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/preload.md'), 'utf8');
  const { name, hash } = defineService('calculator', {
    add: method<readonly [number, number], number>(),
    note: oneway<number>(),
  });
  t.true(text.includes(`its hash \`0x${hash.toString(16)}\``));
  const encoder = new Encoder(new Uint8Array(1024));
  for (const value of [{ name, hash }, { handle: 5, generation: 1 }, [1000, 2], 1002]) {
    encoder.encode(value);
    const bytes = Buffer.from(encoder.copy())
      .toString('hex')
      .replaceAll(/..(?!$)/g, '$& ');
    t.regex(text, new RegExp(`^${bytes} {3,}`, 'm'), JSON.stringify(value));
  }
});

test('the policy holds for programs in C', async (t) => {
  const uid = process.getuid?.() ?? 0;
  const domain = await startDomain(t, { policy: [deny('in-typescript').to({ uid })] });
  await exposeService(domain, 'in-typescript', []);
  const program = await compile('interop', gcc);
  const { code, stderr } = await liteipc([
    ...['run', '--domain', domain.name, program, 'client', 'in-typescript', '1'],
  ]);
  t.is(code, 1);
  t.regex(stderr, /handle > 0/, 'the lookup is refused');
});
