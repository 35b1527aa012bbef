/** Tests the encoding of payloads, and the rejection of values that cannot be sent. */
import test from 'ava';
import { pack, unpack } from 'msgpackr';
import { Encoder, decodeCopying, decodeViewing } from '#lib/wire/codec.js';
import { LiteIpcError } from 'liteipc';

const LIMIT = 65_536;

function outbox(): Uint8Array {
  return new Uint8Array(LIMIT + 64);
}

/** Encodes a value, moves the bytes to a possible location in an inbox, and decodes them. */
function roundTrip(value: unknown, offset = 4096): unknown {
  const encoder = new Encoder(outbox());
  encoder.encode(value);
  const inbox = Buffer.alloc(offset + encoder.size + 32, 0xc1);
  inbox.set(encoder.copy(), offset);
  const decoded = decodeCopying(inbox, offset, encoder.size, encoder.encoding);
  // The result must not refer to the inbox.
  inbox.fill(0xee);
  return decoded;
}

const cases: Record<string, unknown> = {
  undefined: undefined,
  null: null,
  true: true,
  zero: 0,
  NaN: NaN,
  infinity: -Infinity,
  'largest safe integer': Number.MAX_SAFE_INTEGER,
  'beyond 32 bits': -5_000_000_000,
  fraction: 0.1,
  'small bigint': 5n,
  'bigint of 64 bits': 2n ** 63n,
  'huge negative bigint': -(2n ** 200n),
  'empty text': '',
  'short text': 'hello',
  'text in many scripts': 'äß€ 漢字 😀 '.repeat(50),
  'long text': 'x'.repeat(20_000),
  tuple: [1, 'two', [3, null]],
  'nested object': { a: { b: { c: [{ d: 1 }] } }, 'strange key ': true },
  'undefined properties': { a: undefined, b: [undefined] },
  date: new Date('2024-02-29T12:34:56.789Z'),
  'date before 1970': new Date(-1500),
  'date far ahead': new Date(8.64e15),
  regexp: /a+(b)/giu,
  set: new Set([1, 'a', null]),
  map: new Map<unknown, unknown>([
    ['a', 1],
    [2, { deep: new Map([[null, 'x']]) }],
  ]),
  'map in an object': { list: [new Map([[1, { a: 1 }]])], plain: { a: 1 } },
  'empty map': new Map(),
  buffer: Buffer.from('bytes'),
  'empty bytes': new Uint8Array(0),
  bytes: new Uint8Array([1, 2, 255]),
  floats: new Float64Array([0.5, -1]),
  bigints: new BigInt64Array([1n, -2n]),
  'array buffer': new Uint8Array([9, 8]).buffer,
  'object without prototype': Object.assign(Object.create(null) as object, { a: 1 }),
};

for (const [name, value] of Object.entries(cases)) {
  test(`a value arrives unchanged: ${name}`, (t) => {
    for (const offset of [0, 8, 4096]) {
      const arrived = roundTrip(value, offset);
      if (name === 'object without prototype') t.deepEqual(arrived, { a: 1 });
      else t.deepEqual(arrived, value);
    }
  });
}

test('every size around the scratch buffer and the short encodings works', (t) => {
  for (let length = 0; length < 300; length++) {
    const text = 'é'.repeat(length);
    t.is(roundTrip(text, 512), text);
    t.deepEqual(roundTrip(Buffer.alloc(length, 7), 512), Buffer.alloc(length, 7));
  }
});

test('errors preserve name, message and cause', (t) => {
  const arrived = roundTrip(new RangeError('too far', { cause: new Error('why') })) as Error;
  t.true(arrived instanceof RangeError);
  t.is(arrived.message, 'too far');
  t.is((arrived.cause as Error).message, 'why');
});

test('cycles and shared references are preserved', (t) => {
  interface Node {
    self?: Node;
    list: object[];
  }
  const shared = { x: 1 };
  const node: Node = { list: [shared, shared] };
  node.self = node;
  const arrived = roundTrip(node) as Node;
  t.is(arrived.self, arrived);
  t.is(arrived.list[0], arrived.list[1]);
});

test('__proto__ from the wire does not become a prototype', (t) => {
  const hostile = JSON.parse('{"__proto__": {"admin": true}}') as object;
  const arrived = roundTrip(hostile) as { admin?: boolean };
  t.is(arrived.admin, undefined);
  t.is(Object.getPrototypeOf(arrived), Object.prototype);
});

test('functions and symbols are rejected with their path', (t) => {
  const encoder = new Encoder(outbox());
  const refused = (value: unknown): string =>
    t.throws(
      () => {
        encoder.encode(value);
      },
      { instanceOf: LiteIpcError, code: 'EINVAL' },
    ).message;
  t.is(
    refused(() => 1),
    'value: a function cannot be sent',
  );
  t.is(
    refused([{ options: [0, { onChange: () => 1 }] }]),
    'value[0].options[1].onChange: a function cannot be sent',
  );
  t.is(refused({ 'a key': Symbol('s') }), 'value["a key"]: a symbol cannot be sent');
  t.is(refused(new Map([['key', Symbol('s')]])), 'value.get("key"): a symbol cannot be sent');
  t.is(refused(new Map([[() => 1, 1]])), 'value.keys()[0]: a function cannot be sent');
  t.is(refused(new Set([() => 1])), 'value[0]: a function cannot be sent');
  t.is(
    refused({ toJSON: undefined, error: Object.assign(new Error('e'), { retry: () => 1 }) }),
    'value.error.retry: a function cannot be sent',
  );
  const looped = new Error('looped');
  looped.cause = [looped];
  t.is(
    refused({ list: [looped] }),
    'value.list[0].cause[0]: an error that contains itself cannot be sent',
  );
  t.is(
    refused({ map: new Map(), looped }),
    'value.looped.cause[0]: an error that contains itself cannot be sent',
  );
  // The encoder can be used again.
  encoder.encode([1, 2]);
  t.deepEqual(unpack(encoder.copy()), [1, 2]);
});

class Temperature {
  static readonly unit = 'K';
  constructor(readonly kelvin: number) {}
  get celsius(): number {
    return this.kelvin - 273.15;
  }
}

class Registry extends Map<number, number> {}
class Bytes extends Uint8Array {}

const hidden: Record<string, unknown> = {
  'a Promise': Promise.resolve(1),
  'a WeakMap': new WeakMap(),
  'a WeakRef': new WeakRef({}),
  'a SharedArrayBuffer': new SharedArrayBuffer(8),
  'a Blob': new Blob(['a']),
  'a ReadableStream': new ReadableStream(),
  'an AbortSignal': new AbortController().signal,
  'a URLSearchParams': new URLSearchParams('a=1'),
  'a Number object': Object(5) as unknown,
  'a Symbol': Object(Symbol('s')) as unknown,
  'a Registry (a class made from Map or Set)': new Registry([[1, 2]]),
  'a Bytes': new Bytes(3),
};

for (const [name, value] of Object.entries(hidden)) {
  test(`a value that would arrive empty is rejected: ${name}`, (t) => {
    const encoder = new Encoder(outbox());
    for (const [around, path] of [
      [[{ a: value }], '[0].a'],
      [[new Map(), value], '[1]'],
      [value, ''],
    ] as const) {
      t.throws(() => encoder.encode(around), {
        instanceOf: LiteIpcError,
        code: 'EINVAL',
        message: `value${path}: ${name} cannot be sent`,
      });
    }
    t.deepEqual(roundTrip({ after: [1] }), { after: [1] });
  });
}

test('instances of classes arrive as plain objects or as the result of toJSON', (t) => {
  t.deepEqual(roundTrip(new Temperature(300)), { kelvin: 300 });
  t.is(roundTrip(new URL('https://example.org/a')), 'https://example.org/a');
  const tagged = Object.assign(Object.create({ [Symbol.toStringTag]: 'Tagged' }) as object, {
    a: 1,
  });
  t.deepEqual(roundTrip(tagged), { a: 1 });
});

test('errors preserve their own properties and stack, nested and beside Maps', (t) => {
  const cause = Object.assign(new TypeError('inner'), { code: 'E_INNER', at: new Date(5) });
  const error = Object.assign(new Error('outer', { cause: { cause } }), { code: 7, tries: [1n] });
  error.name = 'OuterError';
  for (const arrived of [
    roundTrip([error]) as [typeof error],
    roundTrip([error, new Map([[1, error]])]) as [typeof error],
  ]) {
    const [outer] = arrived;
    t.true(outer instanceof Error);
    t.like(outer, { name: 'OuterError', message: 'outer', code: 7, stack: error.stack });
    t.deepEqual(outer.tries, [1n]);
    t.deepEqual(Object.keys(outer).sort(), ['code', 'tries']);
    const inner = (outer.cause as { cause: typeof cause }).cause;
    t.true(inner instanceof TypeError);
    t.like(inner, { message: 'inner', code: 'E_INNER', stack: cause.stack });
    t.deepEqual(inner.at, new Date(5));
  }
  t.false('cause' in (roundTrip(new Error('none')) as Error));
  const both = roundTrip(new AggregateError([new RangeError('one'), 2], 'both')) as AggregateError;
  t.true(both instanceof AggregateError);
  t.is((both.errors[0] as Error).message, 'one');
  t.is(both.errors[1], 2);
});

test("the encoding of errors does not affect the program's own use of msgpackr", (t) => {
  roundTrip(new Error('ours'));
  const bytes = pack(Object.assign(new Error('theirs'), { code: 1, at: Promise.resolve() }));
  t.false(bytes.includes(0x7e));
  t.notThrows(() => pack({ a: Promise.resolve() }));
});

test('too deep nesting is rejected and does not crash', (t) => {
  let deep: unknown[] = [];
  for (let level = 0; level < 200_000; level++) deep = [deep];
  const encoder = new Encoder(outbox());
  t.throws(
    () => {
      encoder.encode(deep);
    },
    { instanceOf: LiteIpcError, code: 'EINVAL' },
  );
  encoder.encode('after');
  t.is(unpack(encoder.copy()), 'after');
});

test('values that fit are in the outbox, and larger ones do not damage it', (t) => {
  const memory = outbox();
  const encoder = new Encoder(memory);
  encoder.encode({ a: 1 });
  t.is(encoder.data, undefined);
  t.deepEqual(unpack(memory.subarray(encoder.start, encoder.start + encoder.size)), { a: 1 });
  encoder.encode('x'.repeat(200_000));
  t.deepEqual(unpack(encoder.copy()), 'x'.repeat(200_000));
  encoder.encode({ b: 2 });
  t.is(encoder.data, undefined);
});

test('a value that makes a call while it is encoded is encoded correctly', (t) => {
  const encoder = new Encoder(outbox());
  let inner: Uint8Array = new Uint8Array(0);
  const value = {
    before: 'x'.repeat(100),
    get nested() {
      encoder.encode({ inner: true });
      inner = encoder.copy();
      return 1;
    },
    after: [1, 2, 3],
  };
  encoder.encode(value);
  t.deepEqual(unpack(encoder.copy()), { before: 'x'.repeat(100), nested: 1, after: [1, 2, 3] });
  t.deepEqual(unpack(inner), { inner: true });
});

test("results of the program's own use of msgpackr remain valid", (t) => {
  const encoder = new Encoder(outbox());
  encoder.encode([1, 2]);
  const own = pack({ mine: true });
  encoder.encode('y'.repeat(1000));
  encoder.encode('z'.repeat(1000));
  t.deepEqual(unpack(own), { mine: true });
});

test('binary values of a large message are views of it', (t) => {
  const encoder = new Encoder(outbox());
  encoder.encode({ bytes: Buffer.alloc(1000, 1) });
  const message = new Uint8Array(encoder.copy());
  const { bytes } = decodeViewing(message, encoder.size, encoder.encoding) as { bytes: Buffer };
  t.is(bytes.buffer, message.buffer);
});

test('random bytes are an EPROTO error and do not crash', (t) => {
  let seed = 1;
  const random = (): number => (seed = (seed * 48271) % 0x7fffffff);
  let refused = 0;
  for (let round = 0; round < 20_000; round++) {
    const size = 1 + (random() % 64);
    const garbage = Buffer.from(Array.from({ length: size }, () => random() & 0xff));
    try {
      decodeCopying(garbage, 0, size, round % 2);
    } catch (error) {
      refused++;
      if (!(error instanceof LiteIpcError) || error.code !== 'EPROTO') throw error;
    }
  }
  t.true(refused > 1000);
  // Later values are not affected.
  t.deepEqual(roundTrip({ a: [1] }), { a: [1] });
});
