/** Tests parcels with random operations and random bytes. */
import test from 'ava';
import fc from 'fast-check';
import { LiteIpcError } from 'liteipc';
import { IpcIo } from 'liteipc/native';

/** A write, the expected result of the read, and the read. */
interface Step {
  readonly type: string;
  readonly input: unknown;
  readonly output: unknown;
  /** Arguments of the read. */
  readonly size: readonly number[];
}

function scalar<T>(type: string, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<Step> {
  return arbitrary.map((input) => ({ type, input, output: input, size: [] }));
}

/** A vector that is written as a plain array and read as the result of `make`. */
function vector<T>(
  type: string,
  element: fc.Arbitrary<T>,
  make: (elements: T[]) => unknown,
): fc.Arbitrary<Step> {
  return fc
    .array(element, { minLength: 1, maxLength: 20 })
    .map((input) => ({ type, input, output: make(input), size: [] }));
}

function signed(bits: number): fc.Arbitrary<number> {
  return fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });
}
function unsigned(bits: number): fc.Arbitrary<number> {
  return fc.integer({ min: 0, max: 2 ** bits - 1 });
}
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const float = fc.float();
const double = fc.double();
const blob = fc.uint8Array({ minLength: 1, maxLength: 40 });
const text = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .map((value) => value.replaceAll('\0', ''));
const units = fc
  .array(unsigned(16), { minLength: 1, maxLength: 20 })
  .map((codes) => String.fromCharCode(...codes));

const step: fc.Arbitrary<Step> = fc.oneof(
  scalar('Bool', fc.boolean()),
  scalar('Int8', signed(8)),
  scalar('Int16', signed(16)),
  scalar('Int32', signed(32)),
  scalar('Uint8', unsigned(8)),
  scalar('Uint16', unsigned(16)),
  scalar('Uint32', unsigned(32)),
  scalar('Int64', int64),
  scalar('Uint64', uint64),
  scalar('Float', float),
  scalar('Double', double),
  scalar('BoolUnaligned', fc.boolean()),
  scalar('Int8Unaligned', signed(8)),
  scalar('Uint8Unaligned', unsigned(8)),
  scalar('Int16Unaligned', signed(16)),
  scalar('Uint16Unaligned', unsigned(16)),
  scalar('String', text),
  scalar('String16', units),
  scalar('InterfaceToken', units),
  blob.map((input) => ({ type: 'Buffer', input, output: input, size: [input.length] })),
  blob.map((input) => ({ type: 'RawData', input, output: input, size: [input.length] })),
  vector('BoolVector', fc.boolean(), (list) => list),
  vector('Int8Vector', signed(8), (list) => Int8Array.from(list)),
  vector('Int16Vector', signed(16), (list) => Int16Array.from(list)),
  vector('Int32Vector', signed(32), (list) => Int32Array.from(list)),
  vector('Int64Vector', int64, (list) => BigInt64Array.from(list)),
  vector('UInt8Vector', unsigned(8), (list) => Uint8Array.from(list)),
  vector('UInt16Vector', unsigned(16), (list) => Uint16Array.from(list)),
  vector('UInt32Vector', unsigned(32), (list) => Uint32Array.from(list)),
  vector('UInt64Vector', uint64, (list) => BigUint64Array.from(list)),
  vector('FloatVector', float, (list) => Float32Array.from(list)),
  vector('DoubleVector', double, (list) => Float64Array.from(list)),
  scalar('FileDescriptor', unsigned(32)),
  scalar(
    'RemoteObject',
    fc.record({ handle: signed(32), token: unsigned(32), cookie: unsigned(32) }),
  ),
);
const steps = fc.array(step, { minLength: 1, maxLength: 25 });

type Method = (...input: readonly unknown[]) => unknown;

function write(io: IpcIo, { type, input }: Step): void {
  (io as unknown as Record<string, Method>)[`write${type}`]?.call(io, input);
}

function read(io: IpcIo, type: string, size: readonly number[]): unknown {
  return (io as unknown as Record<string, Method>)[`read${type}`]?.call(io, ...size);
}

function written(list: readonly Step[]): IpcIo {
  const io = new IpcIo();
  for (const each of list) write(io, each);
  return io;
}

const RUNS = { numRuns: 2000 };

test('written values are read back', (t) => {
  fc.assert(
    fc.property(steps, (list) => {
      const sent = written(list);
      const io = IpcIo.from(sent.data.slice(), sent.offsets);
      for (const { type, output, size } of list) t.deepEqual(read(io, type, size), output);
      t.is(io.remaining, 0);
      t.false(io.overflow);
    }),
    RUNS,
  );
  t.pass();
});

test('a truncated parcel overflows at the first read that needs more', (t) => {
  fc.assert(
    fc.property(steps, fc.nat(), (list, random) => {
      const sent = written(list);
      const size = random % sent.data.length;
      const io = IpcIo.from(sent.data.slice(0, size), sent.offsets);
      for (const each of list) {
        const before = io.position;
        try {
          t.deepEqual(read(io, each.type, each.size), each.output);
        } catch (error) {
          t.true(error instanceof LiteIpcError && error.code === 'EPROTO');
          t.is(io.position, before);
          break;
        }
      }
      t.true(io.overflow);
    }),
    RUNS,
  );
  t.pass();
});

test('a write without room overflows and preserves the previous content', (t) => {
  fc.assert(
    fc.property(steps, fc.nat(), (list, random) => {
      const whole = written(list);
      const needed = whole.data.length + 4 * whole.offsets.length;
      const size = 1 + (random % needed);
      const io = new IpcIo({ size });
      let overflowed = false;
      for (const each of list) {
        const before = io.data.length;
        try {
          write(io, each);
          t.false(overflowed, 'nothing is written after an overflow');
        } catch (error) {
          t.true(error instanceof LiteIpcError && error.code === 'EMSGSIZE');
          t.is(io.data.length, before);
          overflowed = true;
        }
        t.true(io.data.length + 4 * io.offsets.length <= size);
      }
      t.is(io.overflow, overflowed);
      t.is(overflowed, size < needed);
      t.deepEqual(io.data, whole.data.subarray(0, io.data.length));
    }),
    RUNS,
  );
  t.pass();
});

test('appended parcels are read as one aligned parcel', (t) => {
  fc.assert(
    fc.property(steps, steps, (first, second) => {
      const head = written(first);
      const tail = written(second);
      fc.pre(head.offsets.length + tail.offsets.length <= IpcIo.MAX_OBJ_NUM);
      const io = written(first).append(tail);
      const padding = (4 - (tail.data.length % 4)) % 4;
      t.is(io.data.length, head.data.length + tail.data.length + padding);
      for (const { type, output, size } of [...first, ...second]) {
        t.deepEqual(read(io, type, size), output);
      }
      t.deepEqual([...io.data.subarray(io.position)], new Array<number>(padding).fill(0));
    }),
    RUNS,
  );
  t.pass();
});

const types = [
  ...['Bool', 'Int8', 'Int16', 'Int32', 'Uint8', 'Uint16', 'Uint32', 'Int64', 'Uint64', 'Float'],
  ...['Double', 'BoolUnaligned', 'Int8Unaligned', 'Uint8Unaligned', 'Int16Unaligned'],
  ...[
    'Uint16Unaligned',
    'String',
    'StringBytes',
    'String16',
    'InterfaceToken',
    'Buffer',
    'RawData',
  ],
  ...['BoolVector', 'Int8Vector', 'Int16Vector', 'Int32Vector', 'Int64Vector', 'UInt8Vector'],
  ...['UInt16Vector', 'UInt32Vector', 'UInt64Vector', 'FloatVector', 'DoubleVector'],
  ...['FileDescriptor', 'RemoteObject'],
];

/** Random bytes: small numbers, huge numbers, text and others. */
const garbage = fc
  .array(
    fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 9 }),
      fc.nat(12).map((small) => Uint8Array.of(small, 0, 0, 0)),
      fc.constant(Uint8Array.of(255, 255, 255, 255)),
      fc.constant(Uint8Array.of(0x61, 0x62, 0, 0)),
    ),
    { maxLength: 20 },
  )
  .map((parts) => Buffer.concat(parts));

test('random bytes are read without damage and without access outside the parcel', (t) => {
  const order = fc.array(fc.tuple(fc.constantFrom(...types), fc.integer({ min: 1, max: 40 })));
  const offsets = fc.array(fc.oneof(fc.nat(80), unsigned(32)), { maxLength: 8 });
  fc.assert(
    fc.property(garbage, offsets, order, (bytes, objects, reads) => {
      // Bytes outside the data must not be visible.
      const around = new Uint8Array(bytes.length + 64).fill(0xa5);
      around.set(bytes, 32);
      const io = IpcIo.from(around.subarray(32, 32 + bytes.length), objects);
      for (const [type, size] of reads) {
        const { position, overflow } = io;
        try {
          read(io, type, type === 'Buffer' || type === 'RawData' ? [size] : []);
          t.false(overflow);
          t.true(io.position > position);
        } catch (error) {
          t.true(error instanceof LiteIpcError && error.code === 'EPROTO', String(error));
          t.is(io.position, position);
          t.true(io.overflow || !overflow);
        }
        t.true(io.position <= bytes.length && io.remaining === bytes.length - io.position);
      }
    }),
    RUNS,
  );
  t.pass();
});
