/** Tests methods whose messages are parcels: the bytes on the wire, and all errors of formats. */
import { setTimeout as sleep } from 'node:timers/promises';
import ava from 'ava';
import { pack } from 'msgpackr';
import {
  LiteIpcError,
  RemoteError,
  defineService,
  method,
  oneway,
  type ServiceReference,
} from 'liteipc';
import { parcel, type IpcIo } from 'liteipc/native';
import { startDomain } from '#test/support/domain.js';
import { Gauge, makeGauge } from '#test/support/gauge.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { RawDevice, errno } from '#test/support/raw-device.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava.serial;

/** MT_FAILED_REPLY. */
const FAILED_REPLY = 2;
const REGISTRY_LOOKUP = 2;

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

const text = parcel<string>({
  write: (io, value) => {
    io.writeString(value);
  },
  read: (io) => io.readString(),
});

test('a request consists of the code of the method and the bytes of the parcel', async (t) => {
  const domain = await startDomain(t);
  const service = await domain.open();
  await service.expose(Gauge, makeGauge());
  const raw = await RawDevice.open(domain.name);
  t.teardown(() => raw.close());
  const { name, hash } = Gauge;
  const question = pack({ name, hash });
  let lookup = raw.tryCall(0, question, { code: REGISTRY_LOOKUP });
  // The event of the lane contains the task of the ServiceManager, not 0, so this polls instead.
  while (lookup.status === errno.EINPROGRESS) {
    await sleep(1);
    lookup = raw.tryCall(0, question, { code: REGISTRY_LOOKUP });
  }
  t.is((await lookup.ended).status, 0);
  const handle = domain.manager.services().find((each) => each.name === name)?.handle ?? NaN;

  const input = bytes('01000000 6b000000  02000000 05000000 feffffff');
  // The caller may choose token and cookie.
  const sum = await raw.call(handle, input, { code: 0, token: 5, cookie: 0xffffffff });
  t.is(sum.status, 0);
  const words = Buffer.from('k has 2 values\0').toString('hex');
  t.deepEqual(sum.data, bytes(`0e000000 ${words}00 0300000000000000`));

  t.is(await raw.sendOneway(handle, bytes('07000000'), { code: 2 }), 0);
  for (const cookie of [0, 0xffffffff]) {
    const reply = await raw.call(handle, bytes(''), { code: 3, cookie });
    t.deepEqual(reply.data, bytes('01000000'));
  }

  const failed = await raw.call(handle, bytes('03000000 77687900'), { code: 4 });
  t.is(failed.status, errno.ENOENT);
  t.is(failed.event?.type, FAILED_REPLY);
  t.is(failed.event?.code, 1);
  const garbage = await raw.call(handle, bytes('ffffffff'), { code: 4 });
  t.is(garbage.status, errno.ENOENT);
  t.is(garbage.event?.code, 2);
  t.regex(
    Buffer.from(garbage.data).toString(),
    /the parcel is not readable: IpcIo.readString: needs/,
  );
});

test('the receiver reads exactly the bytes that the sender wrote', async (t) => {
  const seen: string[] = [];
  const watched = parcel<number>({
    write: (io, value) => {
      io.writeUint16Unaligned(value);
      seen.push(Buffer.from(io.data).toString('hex'));
    },
    read: (io) => {
      seen.push(Buffer.from(io.data).toString('hex'));
      return io.readUint16Unaligned();
    },
  });
  const Watched = defineService('watched', { next: method({ input: watched, output: watched }) });
  const domain = await startDomain(t);
  await (await domain.open()).expose(Watched, { next: (value) => value + 1 });
  const client = await (await domain.open()).service(Watched);
  t.is(await client.next(0x1234), 0x1235);
  t.deepEqual(seen, ['3412', '3412', '3512', '3512']);
});

test('parcels in one direction and transforming formats work', async (t) => {
  const date = parcel<Date, number>({
    write: (io, value) => {
      io.writeInt64(BigInt(value.getTime()));
    },
    read: (io) => Number(io.readInt64()),
  });
  const Mixed = defineService('mixed', {
    toMs: method({ input: date }),
    packed: method<number[], string>(),
    age: method({ input: date, output: date }),
    now: method({ output: date }),
    note: oneway({ input: text }),
  });
  const received: unknown[] = [];
  const domain = await startDomain(t);
  await (
    await domain.open()
  ).expose(Mixed, {
    toMs: (ms) => {
      received.push(ms);
    },
    packed: (list) => list.join(),
    age: async (ms, call) => Promise.resolve(new Date(ms + call.caller.taskId * 0)),
    now: () => new Date(5),
    note: (message) => {
      received.push(message);
    },
  });
  const client = await (await domain.open()).service(Mixed);
  await client.toMs(new Date(7));
  t.is(await client.packed([1, 2]), '1,2');
  t.is(await client.age(new Date(-9)), -9);
  t.is(await client.now(), 5);
  await client.note('hi');
  await until(() => received.length === 2);
  t.deepEqual(received, [7, 'hi']);
});

test('an exception of the implementation arrives, and the next call succeeds', async (t) => {
  const domain = await startDomain(t);
  await (await domain.open()).expose(Gauge, makeGauge());
  const client = await (await domain.open()).service(Gauge);
  const error = await t.throwsAsync(client.fail('because'), { instanceOf: RemoteError });
  t.like(error, { name: 'RangeError', message: 'because', code: 'EREMOTE' });
  t.is(await client.notes(), 0);
});

type Broken = (io: IpcIo) => unknown;
const broken: Record<string, readonly [write: Broken, code: string, message: RegExp]> = {
  'throws a value': [
    () => {
      throw 'just text'; // eslint-disable-line @typescript-eslint/only-throw-error -- programs do
    },
    'EINVAL',
    /was not written: just text \(EINVAL\)$/,
  ],
  'writes what does not fit': [
    (io) => io.writeBuffer(new Uint8Array(9000)),
    'EMSGSIZE',
    /was not written: IpcIo.writeBuffer: no room for 9000 bytes.* \(EMSGSIZE\)$/,
  ],
  'catches its own overflow': [
    (io) => {
      try {
        io.writeBuffer(new Uint8Array(9000));
      } catch {
        // The next call succeeds.
      }
    },
    'EMSGSIZE',
    /was not written: it overflowed \(EMSGSIZE\)$/,
  ],
  'writes a wrong value': [
    (io) => io.writeUint8(300),
    'EINVAL',
    /Expected an integer from 0 to 255 for writeUint8 but received number 300 \(EINVAL\)$/,
  ],
  'writes an object': [
    (io) => io.writeFileDescriptor(1),
    'EINVAL',
    /has objects \(descriptors, services\), which calls cannot carry; .* C device/,
  ],
  'returns a promise': [
    async () => Promise.reject(new Error('unhandled')),
    'EINVAL',
    /Expected write of parcel\(\) to be synchronous/,
  ],
};

for (const [name, [write, code, message]] of Object.entries(broken)) {
  test(`a format that ${name} fails the call on either side`, async (t) => {
    const bad = parcel<null>({
      write: write,
      read: () => null,
    });
    const Bad = defineService('bad', {
      asInput: method({ input: bad }),
      asOutput: method({ output: bad }),
      fine: method({ input: text, output: text }),
    });
    const domain = await startDomain(t);
    let asked = 0;
    await (
      await domain.open()
    ).expose(Bad, {
      asInput: () => {
        asked += 1;
      },
      asOutput: () => null,
      fine: (value) => value,
    });
    const client = await (await domain.open()).service(Bad);
    const input = await t.throwsAsync(client.asInput(null), { instanceOf: LiteIpcError, code });
    t.regex(input?.message ?? '', /^bad\.asInput: input: the parcel /);
    t.regex(input?.message ?? '', message);
    t.is(asked, 0);
    const output = await t.throwsAsync(client.asOutput(), { instanceOf: LiteIpcError, code });
    t.regex(output?.message ?? '', /^bad\.asOutput: output: the parcel /);
    t.regex(output?.message ?? '', message);
    t.is(await client.fine('still there'), 'still there');
  });
}

const misread: Record<string, readonly [read: (io: IpcIo) => unknown, message: RegExp]> = {
  'reads too much': [(io) => io.readInt64(), /IpcIo.readInt64: needs 8 bytes at 0/],
  'catches that it read too much': [
    (io) => {
      try {
        return io.readInt64();
      } catch {
        return 0;
      }
    },
    /it overflowed/,
  ],
  'refuses the value': [
    () => {
      throw new Error('too small');
    },
    /too small/,
  ],
  'returns a promise': [async (io) => Promise.resolve(io.readBool()), /read of parcel\(\) to be/],
  'reads an object': [(io) => io.readFileDescriptor(), /no object begins at 0/],
};

for (const [name, [read, message]] of Object.entries(misread)) {
  test(`a format that ${name} is EPROTO on either side`, async (t) => {
    const bad = parcel<null, unknown>({
      write: (io) => {
        io.writeInt32(1);
      },
      read,
    });
    const Bad = defineService('bad', {
      asInput: method({ input: bad }),
      asOutput: method({ output: bad }),
      notify: oneway({ input: bad }),
    });
    const domain = await startDomain(t);
    const errors: unknown[] = [];
    const onError = (error: unknown, about: ServiceReference): void => {
      errors.push([about.method, (error as LiteIpcError).code]);
    };
    const service = await domain.open();
    await service.expose(
      Bad,
      {
        asInput: () => {
          t.fail('called with nothing');
        },
        asOutput: () => null,
        notify: () => {
          t.fail('the implementation was called');
        },
      },
      { onError },
    );
    const client = await (await domain.open()).service(Bad);
    const input = await t.throwsAsync(client.asInput(null), { code: 'EPROTO' });
    t.regex(input?.message ?? '', /input: the parcel is not readable: /);
    t.regex(input?.message ?? '', message);
    const output = await t.throwsAsync(client.asOutput(), { code: 'EPROTO' });
    t.regex(output?.message ?? '', message);
    await client.notify(null);
    await until(() => errors.length === 1);
    t.deepEqual(errors, [['notify', 'EPROTO']]);
  });
}

test('a format that retains its parcel owns its bytes', async (t) => {
  const retained: IpcIo[] = [];
  const keeping = parcel<string, number>({
    write: (io, value) => {
      io.writeString(value);
    },
    read: (io) => retained.push(io),
  });
  const Keeper = defineService('keeper', { keep: method({ input: keeping }) });
  const domain = await startDomain(t);
  await (await domain.open()).expose(Keeper, { keep: () => undefined });
  const client = await (await domain.open()).service(Keeper);
  for (let call = 0; call < 20; call++) await client.keep(`call ${call}`);
  t.deepEqual(
    retained.map((io) => io.readString()),
    Array.from({ length: 20 }, (_, call) => `call ${call}`),
  );
});

test('contracts that differ in parcels are rejected, and the error names the method', async (t) => {
  const domain = await startDomain(t);
  await (
    await domain.open()
  ).expose(defineService('agreed', { say: method({ input: text }) }), {
    say: () => undefined,
  });
  const device = await domain.open();
  const other = defineService('agreed', { say: method<string>() });
  await t.throwsAsync(device.service(other), {
    code: 'EPROTO',
    message: /"say" is method here and method\(parcel\) in the service/,
  });
  const hashes = [
    defineService('agreed', { say: method<string>() }),
    defineService('agreed', { say: method({ input: text }) }),
    defineService('agreed', { say: method({ output: text }) }),
    defineService('agreed', { say: method({ input: text, output: text }) }),
    defineService('agreed', { say: oneway({ input: text }) }),
  ].map(({ hash }) => hash);
  t.is(new Set(hashes).size, hashes.length);
});

test('an invalid format is rejected when the contract is defined', (t) => {
  t.throws(() => parcel({ write: () => undefined } as never), {
    instanceOf: TypeError,
    message: /Expected a function for read of parcel\(\) but received undefined/,
  });
  t.throws(() => parcel(undefined as never), { message: /the format of parcel\(\)/ });
  t.throws(() => method({ input: { write: 5, read: 5 } as never }), {
    message: /validator or a parcel\(\) for input of method\(\)/,
  });
});
