/** Tests the native contract (types/native.d.ts): arguments, names and options. */
import ava from 'ava';
import { loadNativeBinding } from '#lib/native/binding.js';
import type { NativeDevice } from '../../../types/native.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { RawDevice, freshName } from '#test/support/raw-device.js';

const runtimeFolder = usePrivateRuntime();
const binding = loadNativeBinding();
const test = ava.serial;
const ignore = (): void => undefined;

/** Calls a function with any arguments, like untyped JavaScript. */
function callWith(target: object, name: string, args: readonly unknown[]): unknown {
  const method: unknown = Reflect.get(target, name);
  return Reflect.apply(method as (...args: unknown[]) => unknown, target, args);
}

const badOptions: [function_: 'startDomain' | 'openDevice', args: unknown[], message: string][] = [
  ['startDomain', [], 'Expected an object for options but received undefined'],
  ['startDomain', [null], 'Expected an object for options but received null'],
  ['startDomain', [ignore], 'Expected an object for options but received a function'],
  ['startDomain', [{}], 'Expected a string for options.name but received undefined'],
  ['startDomain', [{ name: 7 }], 'Expected a string for options.name but received 7'],
  [
    'startDomain',
    [{ name: '' }],
    'Expected a string that is not empty and has no NUL character for options.name but received ""',
  ],
  [
    'startDomain',
    [{ name: 'a\0b' }],
    'Expected a string that is not empty and has no NUL character for options.name ' +
      'but received "a\\0b"',
  ],
  [
    'startDomain',
    [{ name: 'a', profile: 2 }],
    'Expected an integer from 0 to 1 for options.profile but received 2',
  ],
  [
    'startDomain',
    [{ name: 'a', socketMode: 0o1000 }],
    'Expected an integer from 0 to 511 for options.socketMode but received 512',
  ],
  [
    'startDomain',
    [{ name: 'a', socketGid: -1 }],
    'Expected an integer from 0 to 4294967294 for options.socketGid but received -1',
  ],
  [
    'startDomain',
    [{ name: 'a', managerUids: 0 }],
    'Expected an array of integers for options.managerUids but received 0',
  ],
  [
    'startDomain',
    [{ name: 'a', managerUids: [0, 1.5] }],
    'Expected an integer from 0 to 4294967295 for options.managerUids[1] but received 1.5',
  ],
  [
    'startDomain',
    [{ name: 'a', managerProgram: Symbol('x') }],
    'Expected a string for options.managerProgram but received a symbol',
  ],
  ['openDevice', [], 'Expected an object for options but received undefined'],
  ['openDevice', [{}], 'Expected a string for options.domain but received undefined'],
  [
    'openDevice',
    [{ domain: 'a' }],
    'Expected a function for options.onEvents but received undefined',
  ],
  [
    'openDevice',
    [{ domain: 'a', poolSize: NaN, onEvents: ignore }],
    'Expected an integer from 0 to 4294967295 for options.poolSize but received NaN',
  ],
  [
    'openDevice',
    [{ domain: ['a'], onEvents: ignore }],
    'Expected a string for options.domain but received an array',
  ],
];
for (const [name, args, message] of badOptions) {
  test(`${name}: ${message}`, (t) => {
    t.throws(() => callWith(binding, name, args), { instanceOf: TypeError, message });
  });
}

test('the error of a throwing options getter is rethrown', (t) => {
  const options = {
    get name(): string {
      throw new RangeError('mine');
    },
  };
  t.throws(() => binding.startDomain(options), { instanceOf: RangeError, message: 'mine' });
});

const badArguments: [method: keyof NativeDevice, args: unknown[], message: string][] = [
  ['sendRequest', ['x'], 'Expected a Uint8Array for data but received "x"'],
  ['sendRequest', [null], 'Expected a Uint8Array for data but received null'],
  ['sendRequest', [new Uint16Array(1)], 'Expected a Uint8Array for data but received an object'],
  ['sendRequest', [new ArrayBuffer(1)], 'Expected a Uint8Array for data but received an object'],
  ['sendReply', [[]], 'Expected a Uint8Array for data but received an array'],
  ['free', [], 'Expected an integer from 0 to 4294967295 for request but received undefined'],
  ['free', [1n], 'Expected an integer from 0 to 4294967295 for request but received a bigint'],
  ['cancel', [-1], 'Expected an integer from 0 to 4294967295 for callId but received -1'],
  [
    'control',
    [7, 0, 0, 0, 0, 0, 0],
    'Expected an integer from 0 to 6 for operation but received 7',
  ],
  [
    'control',
    [0, 0, 0, 0, 0, 0],
    'Expected an integer from 0 to 4294967295 for userData but received undefined',
  ],
  [
    'control',
    [1, 0, 0, 0, 2 ** 32, 0, 0],
    'Expected an integer from 0 to 4294967295 for value2 but received 4294967296',
  ],
  ['query', [true], 'Expected an integer from 0 to 4294967295 for taskId but received true'],
  ['hasAccess', ['0'], 'Expected an integer from 0 to 4294967295 for handle but received "0"'],
  [
    'setSpin',
    [Infinity],
    'Expected an integer from 0 to 4294967295 for limitNs but received Infinity',
  ],
];

test('every method rejects invalid arguments', async (t) => {
  const name = freshName();
  const domain = binding.startDomain({ name });
  const device = await RawDevice.open(name);
  for (const [method, args, message] of badArguments) {
    t.throws(() => callWith(device.native, method, args), { instanceOf: TypeError, message });
  }
  await device.close();
  domain.stop();
});

test('methods on a wrong receiver and classes called from outside are refused', async (t) => {
  const name = freshName();
  const domain = binding.startDomain({ name });
  const device = await RawDevice.open(name);
  const send: unknown = Reflect.get(device.native, 'sendRequest');
  const stop: unknown = Reflect.get(domain, 'stop');
  for (const receiver of [{}, domain, Object.create(device.native) as object, undefined, 1]) {
    t.throws(() => Reflect.apply(send as () => void, receiver, []), { instanceOf: TypeError });
  }
  t.throws(() => Reflect.apply(stop as () => void, device.native, []), { instanceOf: TypeError });
  for (const object of [device.native, domain]) {
    const constructor = object.constructor as new (argument?: unknown) => unknown;
    t.throws(() => new constructor(), { instanceOf: TypeError });
    t.throws(() => new constructor({}), { instanceOf: TypeError });
    t.throws(() => new constructor(device.native), { instanceOf: TypeError });
  }
  await device.close();
  domain.stop();
});

test('without a domain openDevice rejects with ENODEV, the socket and the remedy', async (t) => {
  await t.throwsAsync(binding.openDevice({ domain: 'missing', onEvents: ignore }), {
    code: 'ENODEV',
    message:
      `no LiteIPC domain "missing" is running (socket ${runtimeFolder}/liteipc/missing.sock): ` +
      'start one with ServiceManager.start({ domain: "missing" })',
  });
  await t.throwsAsync(binding.openDevice({ domain: '/nowhere/x', onEvents: ignore }), {
    code: 'ENODEV',
  });
});

test('invalid names are EINVAL', async (t) => {
  for (const name of ['a/b', '..', 'a b', 'x'.repeat(65), 'ä']) {
    t.throws(() => binding.startDomain({ name }), { code: 'EINVAL' }, name);
    await t.throwsAsync(
      binding.openDevice({ domain: name, onEvents: ignore }),
      { code: 'EINVAL' },
      name,
    );
  }
});

test('a domain can be stopped twice and started again', async (t) => {
  const name = freshName();
  const domain = binding.startDomain({ name });
  t.is(domain.path, `${runtimeFolder}/liteipc/${name}.sock`);
  t.throws(() => binding.startDomain({ name }), {
    code: 'EADDRINUSE',
    message: /is running already \(socket .*\): stop it first/,
  });
  const device = await RawDevice.open(name);
  t.is(domain.counters().processes, 1);
  t.is(domain.counters().threads, 1);
  t.is(domain.counters().tasks, 1);
  await device.close();
  t.is(domain.counters().processes, 0);
  domain.stop();
  domain.stop();
  t.throws(() => domain.counters(), { code: 'ENODEV', message: 'the domain is stopped' });
  const again = binding.startDomain({ name, profile: 1 });
  const small = await RawDevice.open(name);
  t.is(small.native.dataLimit, 6144);
  await small.close();
  again.stop();
});

test('an invalid pool size is rejected and leaves nothing of the device', async (t) => {
  const name = freshName();
  const domain = binding.startDomain({ name });
  await t.throwsAsync(
    binding.openDevice({ domain: name, poolSize: 2 ** 32 - 1, onEvents: ignore }),
    { code: 'EINVAL' },
  );
  t.is(domain.counters().processes, 0);
  domain.stop();
});
