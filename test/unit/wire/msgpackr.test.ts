/** Checks the assumptions about msgpackr on which lib/wire/msgpackr.ts depends. */
import test from 'ava';
import { Packr, REUSE_BUFFER_MODE, addExtension, pack, unpack } from 'msgpackr';

const options = { moreTypes: true, useRecords: false, mapsAsObjects: true, variableMapSize: true };

test('a packer reads mapAsEmptyObject only when it is about to write a Map', (t) => {
  const packr = new Packr({ ...options });
  let reads = 0;
  Object.defineProperty(packr, 'mapAsEmptyObject', {
    get: () => {
      reads++;
      throw new Error('a Map');
    },
  });
  const values = [1, 'text', null, [1], { a: { b: [] } }, new Set([1]), new Date(0), 5n, /x/];
  for (const value of [...values, new Uint8Array(3), new Error('e'), Object.create(null)]) {
    packr.pack(value);
  }
  t.is(reads, 0);
  t.throws(() => packr.pack([new Map()]), { message: 'a Map' });
  t.is(reads, 1);
  t.deepEqual(unpack(packr.pack([1])), [1]);
});

test('a packer calls copy of its buffer exactly when the buffer is full', (t) => {
  const packr = new Packr({ ...options });
  const buffer = Buffer.alloc(4096);
  let copies = 0;
  buffer.copy = (target: Uint8Array, at?: number, start?: number, end?: number) => {
    copies++;
    return (Buffer.prototype as Buffer).copy.call(buffer, target, at, start, end);
  };
  packr.useBuffer(buffer);
  packr.pack('x'.repeat(1000));
  t.is(copies, 0);
  const large = Array.from({ length: 5000 }, (_, index) => index);
  t.deepEqual(unpack(packr.pack(large)), large);
  t.is(copies, 1);
});

test('in REUSE_BUFFER_MODE the result is the whole buffer with start and end', (t) => {
  const packr = new Packr({ ...options });
  const buffer = Buffer.alloc(4096);
  packr.useBuffer(buffer);
  const whole = packr.pack({ a: 1 }, REUSE_BUFFER_MODE) as Buffer & { start: number; end: number };
  t.true(whole === buffer);
  t.deepEqual(unpack(buffer.subarray(whole.start, whole.end)), { a: 1 });
});

test('all packers share one buffer, and position makes the next one allocate another', (t) => {
  const packr = new Packr({ ...options });
  const buffer = Buffer.alloc(4096);
  packr.useBuffer(buffer);
  packr.pack(1);
  t.is(pack('shared').buffer, buffer.buffer);
  packr.useBuffer(buffer);
  packr.pack(2);
  (packr as unknown as { position: number }).position = buffer.length;
  t.not(pack('separate').buffer, buffer.buffer);
});

test('extensions of reserved types are tested with instanceof, the last one first', (t) => {
  const tested: string[] = [];
  const classThat = (name: string, matches: () => boolean): ObjectConstructor =>
    Object.defineProperty(() => undefined, Symbol.hasInstance, {
      value: (value: object) => {
        if (value instanceof Temperature) tested.push(name);
        return value instanceof Temperature && matches();
      },
    }) as unknown as ObjectConstructor;
  class Temperature {
    constructor(readonly kelvin: number) {}
  }
  const packr = new Packr({ ...options });
  const plain = packr.pack(new Temperature(1)).toString('hex');
  addExtension({
    Class: classThat('first', () => false),
    type: 0x7c,
    write: () => 'first',
    read: (content: unknown) => content as object,
  });
  addExtension({
    Class: classThat('last', () => active),
    type: 0x7b,
    write: () => 'last',
    read: (content: unknown) => content as object,
  });
  let active = true;
  t.is(unpack(packr.pack(new Temperature(1))), 'last');
  t.deepEqual(tested, ['last']);
  active = false;
  // An extension that matches nothing changes nothing.
  t.is(packr.pack(new Temperature(1)).toString('hex'), plain);
  t.deepEqual(tested, ['last', 'last', 'first']);
  tested.length = 0;
  packr.pack([{ a: [1, 'text'] }, new Map()]);
  t.deepEqual(tested, []);
});
