/** Tests the limits of parcels, invalid arguments, objects and append. */
import test, { type ExecutionContext } from 'ava';
import { LiteIpcError } from 'liteipc';
import { IpcIo } from 'liteipc/native';

/** Returns the bytes of `01 02`. */
function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

function hex(io: IpcIo): string {
  return Buffer.from(io.data).toString('hex');
}

function overflows(t: ExecutionContext, io: IpcIo, act: () => unknown, message: RegExp): void {
  const before = hex(io);
  t.throws(act, { instanceOf: LiteIpcError, code: 'EMSGSIZE', message });
  t.true(io.overflow);
  t.is(hex(io), before);
}

test('after an overflow all operations fail, and the error contains the first failure', (t) => {
  const io = new IpcIo({ size: 5 });
  io.writeInt32(1);
  overflows(
    t,
    io,
    () => io.writeInt32(2),
    /no room for 4 bytes, 1 of 5 are left; open it with a size/,
  );
  const again = {
    code: 'EMSGSIZE',
    message: /writeBoolUnaligned: .* can no longer be used: .*writeInt32: no room/,
  };
  t.throws(() => io.writeBoolUnaligned(true), again);
  t.throws(() => io.readInt32(), { message: /can no longer be used/ });
  t.throws(() => new IpcIo().append(io), { message: /can no longer be used/ });
  t.throws(() => io.append(new IpcIo()), { message: /can no longer be used/ });

  const short = IpcIo.from(bytes('010000'));
  t.throws(() => short.readBool(), {
    code: 'EPROTO',
    message: /needs 4 bytes at 0, the parcel has 3/,
  });
  t.true(short.overflow);
  t.throws(() => short.readBoolUnaligned(), { code: 'EPROTO' });
});

test('the constructor checks the limits of a parcel', (t) => {
  t.is(IpcIo.MAX_IO_SIZE, 8192);
  t.is(IpcIo.MAX_OBJ_NUM, 32);
  const full = new IpcIo().writeBuffer(new Uint8Array(8192));
  t.is(full.data.length, 8192);
  overflows(t, full, () => full.writeBoolUnaligned(true), /send it in parts/);
  for (const size of [0, 8193, 1.5, NaN, '8']) {
    t.throws(() => new IpcIo({ size: size as number }), { instanceOf: TypeError });
  }
  for (const maxObjects of [-1, 33, 17]) {
    t.throws(() => new IpcIo({ size: 64, maxObjects }), { instanceOf: TypeError });
  }
  t.throws(() => IpcIo.from(new Uint8Array(8193)), { code: 'EMSGSIZE' });
  t.throws(() => IpcIo.from(new Uint8Array(0), new Array<number>(33).fill(0)), {
    code: 'EMSGSIZE',
  });
  t.throws(() => IpcIo.from('text' as never), { instanceOf: TypeError });
  t.throws(() => IpcIo.from(bytes(''), [-1]), { instanceOf: TypeError });
  t.notThrows(() => new IpcIo({ size: 64, maxObjects: 16 }));
});

test('the table of offsets counts towards the size', (t) => {
  const reserved = new IpcIo({ size: 8192, maxObjects: 32 });
  reserved.writeBuffer(new Uint8Array(8064));
  overflows(t, reserved, () => reserved.writeBoolUnaligned(true), /0 of 8192 are left/);

  const objects = new IpcIo();
  for (let count = 0; count < 32; count++) objects.writeFileDescriptor(count);
  t.deepEqual(objects.offsets.at(-1), 31 * 16);
  const one = new IpcIo().append(objects);
  overflows(t, objects, () => objects.writeFileDescriptor(32), /no room for object 33/);
  overflows(t, one, () => one.writeRemoteObject({ handle: 1, token: 0, cookie: 0 }), /object 33/);

  // Each object needs 4 bytes: 16 + 4 fit exactly in 20, but not in 19.
  t.notThrows(() => new IpcIo({ size: 20 }).writeFileDescriptor(1));
  const small = new IpcIo({ size: 19 });
  overflows(t, small, () => small.writeFileDescriptor(1), /no room for 16 bytes/);
  const none = new IpcIo({ maxObjects: 0 });
  overflows(t, none, () => none.writeFileDescriptor(1), /takes 0/);
});

test('texts and vectors have a maximum length', (t) => {
  t.is(new IpcIo().writeString('x'.repeat(8187)).data.length, 8192);
  t.is(new IpcIo().writeString16('x'.repeat(4093)).data.length, 8192);
  t.is(new IpcIo().writeInt16Vector(new Int16Array(2047)).data.length, 8192);
  const tooLong: Record<string, [act: (io: IpcIo) => unknown, message: RegExp]> = {
    'a string without room': [(io) => io.writeString('x'.repeat(8191)), /no room for 8196 bytes/],
    'a string': [
      (io) => io.writeString('x'.repeat(8192)),
      /8192 bytes are too many, the maximum is 8191/,
    ],
    'a string of wide characters': [(io) => io.writeString('ä'.repeat(4096)), /8192 bytes are/],
    'a string16 without room': [(io) => io.writeString16('x'.repeat(4095)), /no room for 8196/],
    'a string16': [(io) => io.writeString16('x'.repeat(4096)), /4096 code units are too many/],
    'an interface token': [(io) => io.writeInterfaceToken('x'.repeat(4096)), /writeInterfaceToken/],
    'a buffer': [(io) => io.writeBuffer(new Uint8Array(8193)), /no room/],
    'raw data': [(io) => io.writeRawData(new Uint8Array(8189)), /no room/],
    'a vector of bytes': [(io) => io.writeInt8Vector(new Int8Array(8189)), /no room/],
    'a vector of words': [
      (io) => io.writeBoolVector(new Array<boolean>(2048).fill(true)),
      /no room/,
    ],
    'a huge sparse vector': [(io) => io.writeInt64Vector(new Array<bigint>(2 ** 31)), /no room/],
  };
  for (const [name, [act, message]] of Object.entries(tooLong)) {
    const io = new IpcIo();
    t.throws(() => act(io), { instanceOf: LiteIpcError, code: 'EMSGSIZE', message }, name);
    t.true(io.overflow, name);
    t.is(io.data.length, 0, name);
  }
});

test('a value outside its type is a TypeError, and the parcel can still be used', (t) => {
  const io = new IpcIo();
  const wrong: (() => unknown)[] = [
    () => io.writeBool(1 as never),
    () => io.writeInt8(128),
    () => io.writeInt8Unaligned(-129),
    () => io.writeUint8(-1),
    () => io.writeInt16(0.5),
    () => io.writeUint16Unaligned(65536),
    () => io.writeInt32(2 ** 31),
    () => io.writeUint32(NaN),
    () => io.writeUint32('1' as never),
    () => io.writeInt64(1 as never),
    () => io.writeInt64(2n ** 63n),
    () => io.writeUint64(-1n),
    () => io.writeFloat('1' as never),
    () => io.writeString(5 as never),
    () => io.writeString('a\0b'),
    () => io.writeString(bytes('610062')),
    () => io.writeString('\ud83d'),
    () => io.writeString16(''),
    () => io.writeInterfaceToken(''),
    () => io.writeString16(undefined as never),
    () => io.writeBuffer(new Uint8Array(0)),
    () => io.writeRawData(new Uint8Array(0)),
    () => io.writeBuffer('bytes' as never),
    () => io.writeInt8Vector([]),
    () => io.writeBoolVector([]),
    () => io.writeDoubleVector(new Float64Array(0)),
    () => io.writeInt32Vector('123' as never),
    () => io.writeInt32Vector({ length: 1, 0: 1 }),
    () => io.writeInt32Vector([1, undefined as never]),
    () => io.writeUInt8Vector([1, 256]),
    () => io.writeInt64Vector([1 as never]),
    () => io.writeFileDescriptor(-1),
    () => io.writeRemoteObject(null as never),
    () => io.writeRemoteObject({ handle: 2 ** 31, token: 0, cookie: 0 }),
    () => io.append([] as never),
    () => io.readBuffer(0),
    () => io.readRawData(-1),
  ];
  for (const act of wrong) {
    t.throws(act, { instanceOf: TypeError, message: /^Expected .* but received / }, String(act));
    t.is(io.data.length, 0, String(act));
    t.false(io.overflow, String(act));
  }
  t.throws(() => io.writeUInt8Vector([1, 256]), { message: /for element 1 of writeUInt8Vector/ });
  t.is(io.writeInt32(1).readInt32(), 1);
});

test('only the low part of a wider word is read', (t) => {
  const io = IpcIo.from(bytes('c8000000 fffe0100 00010000 00800000 02000000'));
  t.is(io.readInt8(), -56);
  t.is(io.readUint16(), 0xfeff);
  t.is(io.readBool(), false);
  t.is(io.readInt16(), -32768);
  t.is(io.readBool(), true);
  const words = IpcIo.from(bytes('02000000 00010000 00000000'));
  t.deepEqual(words.readBoolVector(), [true, false]);
});

test('empty vectors and wide texts can be read although they cannot be written', (t) => {
  const io = IpcIo.from(bytes('00000000 00000000 00000000 00000000 00000000'));
  t.deepEqual(io.readInt8Vector(), new Int8Array(0));
  t.deepEqual(io.readBoolVector(), []);
  t.is(io.readString16(), '');
  t.deepEqual(io.readRawData(), new Uint8Array(0));
  t.is(io.remaining, 0);
});

test('bytes of another form are EPROTO, and another read may succeed', (t) => {
  const cases: [hex: string, act: (io: IpcIo) => unknown, message: RegExp][] = [
    ['03000000 61626364', (io) => io.readString(), /no NUL ends/],
    ['03000000 61006300', (io) => io.readString(), /not UTF-8 without NUL/],
    ['02000000 e4f60000', (io) => io.readString(), /not UTF-8/],
    ['03000000 61626364', (io) => io.readStringBytes(), /no NUL ends/],
    ['01000000 61006200', (io) => io.readString16(), /no zero ends/],
    ['01000000 61006200', (io) => io.readInterfaceToken(), /readInterfaceToken: no zero/],
    ['04000000 61006200', (io) => io.readRawData(3), /there are 4 bytes, not 3/],
  ];
  for (const [content, act, message] of cases) {
    const io = IpcIo.from(bytes(content));
    t.throws(() => act(io), { instanceOf: LiteIpcError, code: 'EPROTO', message });
    t.false(io.overflow);
    t.is(io.position, 0);
    t.deepEqual(io.readBuffer(8), bytes(content));
  }
});

test('huge lengths do not read outside the parcel', (t) => {
  const reads: ((io: IpcIo) => unknown)[] = [
    (io) => io.readString(),
    (io) => io.readString16(),
    (io) => io.readRawData(),
    (io) => io.readBoolVector(),
    (io) => io.readUInt16Vector(),
    (io) => io.readDoubleVector(),
  ];
  for (const read of reads) {
    for (const length of ['ffffffff', '00000080', 'ffffff7f', '00200000', '05000000']) {
      const io = IpcIo.from(bytes(`${length} 00000000`));
      t.throws(() => read(io), { code: 'EPROTO' });
      t.true(io.overflow);
      t.is(io.position, 0);
    }
  }
});

test('an object is read only at its offset, in order and by its type', (t) => {
  const written = new IpcIo().writeInt32(5).writeFileDescriptor(6);
  written.writeRemoteObject({ handle: 7, token: 8, cookie: 9 });
  t.deepEqual(written.offsets, [4, 20]);

  const early = IpcIo.from(written.data, written.offsets);
  t.throws(() => early.readFileDescriptor(), { code: 'EPROTO', message: /no object begins at 0/ });
  t.true(early.overflow);

  const io = IpcIo.from(written.data, written.offsets);
  t.is(io.readInt32(), 5);
  t.throws(() => io.readRemoteObject(), { code: 'EPROTO', message: /is of type 0, not 2/ });
  t.false(io.overflow);
  t.is(io.readFileDescriptor(), 6);
  t.deepEqual(io.readRemoteObject(), { handle: 7, token: 8, cookie: 9 });
  t.throws(() => io.readRemoteObject(), { message: /no object begins at 36/ });

  const skipped = IpcIo.from(written.data, written.offsets);
  skipped.readInt32();
  skipped.readBuffer(16);
  t.throws(() => skipped.readRemoteObject(), { message: /no object begins at 20/ });
  const outside = IpcIo.from(bytes('0000000005000000'), [0]);
  t.throws(() => outside.readFileDescriptor(), { message: /needs 16 bytes/ });
  const unnamed = IpcIo.from(written.data);
  unnamed.readInt32();
  t.throws(() => unnamed.readFileDescriptor(), { message: /no object begins at 4/ });
});

test('append rounds the data up and adjusts the offsets of objects', (t) => {
  const tail = new IpcIo().writeFileDescriptor(1).writeUint8Unaligned(2);
  const io = new IpcIo().writeUint8Unaligned(9).append(tail).append(tail).writeInt32(-1);
  t.deepEqual(io.offsets, [1, 21]);
  const body = '00000000 01000000 00000000 00000000 02000000'.replaceAll(' ', '');
  t.is(hex(io), `09${body}${body}ffffffff`);
  t.is(hex(new IpcIo().append(new IpcIo())), '');
  const twice = new IpcIo().writeInt16Unaligned(1);
  t.is(hex(twice.append(twice)), '010001000000');
  // A received parcel can be appended too, regardless of its position.
  const received = IpcIo.from(tail.data, tail.offsets);
  received.readFileDescriptor();
  t.is(hex(new IpcIo().append(received)), body);
});

test('append without room changes nothing, but overflows without room for the padding', (t) => {
  const tail = new IpcIo().writeInt32(1).writeUint8Unaligned(2);
  const small = new IpcIo({ size: 8 }).writeInt32(3);
  t.throws(() => small.append(tail), { code: 'EMSGSIZE', message: /append: no room for 5 bytes/ });
  t.false(small.overflow);
  t.is(small.writeInt32(4).data.length, 8);
  const full = new IpcIo({ maxObjects: 1 }).writeFileDescriptor(1);
  t.throws(() => full.append(full), { code: 'EMSGSIZE', message: /no room for object 2/ });
  t.false(full.overflow);
  const narrow = new IpcIo({ size: 7 });
  overflows(t, narrow, () => narrow.append(tail), /no room for 8 bytes/);
});

test('a received parcel is read-only', (t) => {
  const io = IpcIo.from(bytes('01000000'));
  const refused = { code: 'EINVAL', message: /read-only; write to a new IpcIo/ };
  t.throws(() => io.writeInt32(1), refused);
  t.throws(() => io.writeString('x'.repeat(9000)), refused);
  t.throws(() => io.append(new IpcIo()), refused);
  t.false(io.overflow);
  t.is(io.readInt32(), 1);
});

test('reads return copies, even from a Buffer', (t) => {
  const source = Buffer.from('04000000616263640000000004000000 01020304'.replace(' ', ''), 'hex');
  const io = IpcIo.from(source);
  const text = io.readStringBytes();
  const data = io.readRawData();
  source.fill(0xee);
  t.deepEqual(text, bytes('61626364'));
  t.deepEqual(data, bytes('01020304'));
});

test('an element whose getter writes to the parcel causes no damage', (t) => {
  const io = new IpcIo();
  const list = [1, 2];
  Object.defineProperty(list, 1, {
    get: () => {
      io.writeInt32(7);
      return 2;
    },
  });
  io.writeInt32Vector(list);
  t.is(hex(io), '07000000 02000000 01000000 02000000'.replaceAll(' ', ''));
});

test('the memory grows with the content', (t) => {
  const io = new IpcIo();
  const expected: number[] = [];
  for (let count = 0; count < 2048; count++) {
    io.writeUint32(count);
    expected.push(count);
  }
  t.deepEqual([...new Uint32Array(io.data.slice().buffer)], expected);
  for (let count = 0; count < 2048; count++) t.is(io.readUint32(), count);
});
