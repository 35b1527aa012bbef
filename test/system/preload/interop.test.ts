/** C programs under the shim and TypeScript services call each other in one domain. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ava, { type ExecutionContext } from 'ava';
import { defineService, deny, method, oneway } from 'liteipc';
import { Encoder } from '#lib/wire/codec.js';
import { startDomain, type TestDomain } from '#test/support/domain.js';
import {
  arm64,
  buildShimFor,
  compile,
  gcc,
  liteipc,
  musl,
  startEmulated,
  startLiteipc,
  withToolchain,
  type Running,
  type Toolchain,
} from '#test/support/preload-programs.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { root } from '#test/support/paths.js';
import { scaled } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava.serial;

/** Calls of each size by each of two clients. */
const CALLS = 50_000;
/** The same where it is not the number that is tested, but another libc or processor. */
const FEWER_CALLS = 5_000;
const SIZES = [1024, 6000];
/** Calls in flight of the client in TypeScript. */
const IN_FLIGHT = 32;
/** What the method `change` does to every byte. */
const MASK = 0x5a;

/** As test/preload/interop.c has it. */
function contractOf(name: string) {
  return defineService(name, {
    add: method<readonly [number, number], number>(),
    greet: method<string, string>(),
    fail: method(),
    note: oneway<number>(),
    /** Buffers, not Uint8Arrays: these are bytes in MessagePack, too. */
    change: method<Buffer, Buffer>(),
  });
}

/** Starts a program of this folder in a domain; `starts` differs between processors. */
type StartProgram = (domain: TestDomain, program: string, args: readonly string[]) => Running;

interface Variant {
  readonly toolchain: Toolchain;
  /** Of each size, by each client. */
  readonly calls: number;
  readonly start: StartProgram;
}

const native: StartProgram = (domain, program, args) =>
  startLiteipc(['run', '--domain', domain.name, program, ...args]);

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
    change: (bytes) => Buffer.from(bytes.map((byte) => byte ^ MASK)),
  });
}

async function clientsInC(
  t: ExecutionContext,
  { toolchain, calls, start }: Variant,
): Promise<void> {
  t.timeout(scaled(110_000));
  const domain = await startDomain(t);
  const notes: number[] = [];
  await exposeService(domain, 'in-typescript', notes);
  const program = await compile('interop', toolchain);
  const args = ['client', 'in-typescript', String(calls)];
  const running = [start(domain, program, args), start(domain, program, args)];
  for (const { ended } of running) {
    const { code, stdout, stderr } = await ended;
    t.is(code, 0, stderr);
    t.is(stdout, 'ok\n');
  }
  t.deepEqual(notes, [calls, calls]);
}

async function callMany(t: ExecutionContext, domain: TestDomain, calls: number): Promise<void> {
  const device = await domain.open();
  const client = await device.service(contractOf('in-c'));
  let begun = 0;
  let wrong = 0;
  const callInTurn = async (): Promise<void> => {
    while (begun < calls * SIZES.length) {
      const seed = begun++;
      const bytes = Buffer.alloc(SIZES[seed % SIZES.length] as number, seed & 0xff);
      const changed = await client.change(bytes);
      const isRight =
        changed.length === bytes.length && changed.every((byte) => byte === ((seed & 0xff) ^ MASK));
      if (!isRight) wrong++;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, callInTurn));
  t.is(begun, calls * SIZES.length);
  t.is(wrong, 0);
}

async function serviceInC(
  t: ExecutionContext,
  { toolchain, calls, start }: Variant,
): Promise<void> {
  t.timeout(scaled(110_000));
  const domain = await startDomain(t);
  const program = await compile('interop', toolchain);
  const service = start(domain, program, ['service', 'in-c']);
  await service.says('ready\n');
  t.like(domain.manager.services(), [{ name: 'in-c' }]);

  const device = await domain.open();
  const client = await device.service(contractOf('in-c'));
  t.is(await client.greet('TypeScript'), 'hello, TypeScript');
  t.is(await client.add([70_000, 1]), 70_001);
  await t.throwsAsync(() => client.fail(), { code: 'EREMOTE' });
  t.is(await client.add([1, 2]), 3, 'a failure is the end of its call alone');
  await Promise.all([callMany(t, domain, calls), callMany(t, domain, calls)]);
  await client.note(0);
  const { code, stderr } = await service.ended;
  t.is(code, 0, stderr);
}

for (const toolchain of [gcc, musl]) {
  const register = withToolchain(toolchain);
  const variant = { toolchain, calls: toolchain === gcc ? CALLS : FEWER_CALLS, start: native };
  register(`${toolchain.name}: two clients in C call a service in TypeScript`, (t) =>
    clientsInC(t, variant),
  );
  register(`${toolchain.name}: clients in TypeScript call a service in C`, (t) =>
    serviceInC(t, variant),
  );
}

async function emulated(): Promise<Variant> {
  const shim = await buildShimFor(arm64);
  return {
    toolchain: arm64,
    calls: FEWER_CALLS,
    start: (domain, program, args) => startEmulated(shim, domain.manager.path, program, args),
  };
}

withToolchain(arm64)('arm64: two clients in C call a service in TypeScript', async (t) => {
  await clientsInC(t, await emulated());
});

withToolchain(arm64)('arm64: clients in TypeScript call a service in C', async (t) => {
  await serviceInC(t, await emulated());
});

test('the bytes in docs/preload.md are what is sent', (t) => {
  const text = readFileSync(join(root, 'docs/preload.md'), 'utf8');
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
