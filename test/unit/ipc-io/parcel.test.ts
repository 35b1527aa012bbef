/**
 * Tests parcels with bytes derived from the table in docs/ipc-io.md: written, read and truncated.
 */
import test from 'ava';
import { LiteIpcError } from 'liteipc';
import { IpcIo } from 'liteipc/native';

/** Returns the bytes of `01 02`. */
function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

function hex(io: IpcIo): string {
  return Buffer.from(io.data).toString('hex');
}

type Row = [
  hex: string,
  write: (io: IpcIo) => unknown,
  read: (io: IpcIo) => unknown,
  value: unknown,
];

const rows: Record<string, Row> = {
  bool: ['01000000', (io) => io.writeBool(true), (io) => io.readBool(), true],
  int8: ['80ffffff', (io) => io.writeInt8(-128), (io) => io.readInt8(), -128],
  int16: ['feffffff', (io) => io.writeInt16(-2), (io) => io.readInt16(), -2],
  int32: ['00000080', (io) => io.writeInt32(-(2 ** 31)), (io) => io.readInt32(), -(2 ** 31)],
  uint8: ['ff000000', (io) => io.writeUint8(255), (io) => io.readUint8(), 255],
  uint16: ['feff0000', (io) => io.writeUint16(65534), (io) => io.readUint16(), 65534],
  uint32: ['04030201', (io) => io.writeUint32(0x1020304), (io) => io.readUint32(), 0x1020304],
  int64: ['feffffffffffffff', (io) => io.writeInt64(-2n), (io) => io.readInt64(), -2n],
  uint64: [
    'ffffffffffffffff',
    (io) => io.writeUint64(2n ** 64n - 1n),
    (io) => io.readUint64(),
    2n ** 64n - 1n,
  ],
  double: ['000000000000f83f', (io) => io.writeDouble(1.5), (io) => io.readDouble(), 1.5],
  float: ['000080be', (io) => io.writeFloat(-0.25), (io) => io.readFloat(), -0.25],
  boolUnaligned: ['01', (io) => io.writeBoolUnaligned(true), (io) => io.readBoolUnaligned(), true],
  int8Unaligned: ['fe', (io) => io.writeInt8Unaligned(-2), (io) => io.readInt8Unaligned(), -2],
  uint8Unaligned: ['fe', (io) => io.writeUint8Unaligned(254), (io) => io.readUint8Unaligned(), 254],
  int16Unaligned: [
    '0080',
    (io) => io.writeInt16Unaligned(-32768),
    (io) => io.readInt16Unaligned(),
    -32768,
  ],
  uint16Unaligned: [
    '0080',
    (io) => io.writeUint16Unaligned(32768),
    (io) => io.readUint16Unaligned(),
    32768,
  ],
  'empty string': ['00000000 00000000', (io) => io.writeString(''), (io) => io.readString(), ''],
  'string of 3': [
    '03000000 61626300',
    (io) => io.writeString('abc'),
    (io) => io.readString(),
    'abc',
  ],
  'string of 4': [
    '04000000 61626364 00000000',
    (io) => io.writeString('abcd'),
    (io) => io.readString(),
    'abcd',
  ],
  'string of several bytes a character': [
    '05000000 c3a4e282 ac000000',
    (io) => io.writeString('ä€'),
    (io) => io.readString(),
    'ä€',
  ],
  'string with a byte order mark': [
    '04000000 efbbbf61 00000000',
    (io) => io.writeString('\ufeffa'),
    (io) => io.readString(),
    '\ufeffa',
  ],
  'string in another encoding': [
    '02000000 e4f60000',
    (io) => io.writeString(bytes('e4f6')),
    (io) => io.readStringBytes(),
    bytes('e4f6'),
  ],
  'string16 of 1': [
    '01000000 61000000',
    (io) => io.writeString16('a'),
    (io) => io.readString16(),
    'a',
  ],
  'string16 of 2': [
    '02000000 3dd800de 00000000',
    (io) => io.writeString16('😀'),
    (io) => io.readString16(),
    '😀',
  ],
  'half a surrogate pair, a NUL': [
    '03000000 3dd80000 61000000',
    (io) => io.writeString16('\ud83d\0a'),
    (io) => io.readString16(),
    '\ud83d\0a',
  ],
  interfaceToken: [
    '03000000 49005000 43000000',
    (io) => io.writeInterfaceToken('IPC'),
    (io) => io.readInterfaceToken(),
    'IPC',
  ],
  buffer: [
    '0102030405000000',
    (io) => io.writeBuffer(bytes('0102030405')),
    (io) => io.readBuffer(5),
    bytes('0102030405'),
  ],
  rawData: [
    '05000000 0102030405000000',
    (io) => io.writeRawData(bytes('0102030405')),
    (io) => io.readRawData(5),
    bytes('0102030405'),
  ],
  boolVector: [
    '02000000 01000000 00000000',
    (io) => io.writeBoolVector([true, false]),
    (io) => io.readBoolVector(),
    [true, false],
  ],
  int16Vector: [
    '02000000 ffffffff 02000000',
    (io) => io.writeInt16Vector([-1, 2]),
    (io) => io.readInt16Vector(),
    Int16Array.of(-1, 2),
  ],
  int8Vector: [
    '03000000 01ff80',
    (io) => io.writeInt8Vector([1, -1, -128]),
    (io) => io.readInt8Vector(),
    Int8Array.of(1, -1, -128),
  ],
  uint8Vector: [
    '01000000 ff',
    (io) => io.writeUInt8Vector(Uint8Array.of(255)),
    (io) => io.readUInt8Vector(),
    Uint8Array.of(255),
  ],
  uint16Vector: [
    '03000000 ffff01000200',
    (io) => io.writeUInt16Vector([65535, 1, 2]),
    (io) => io.readUInt16Vector(),
    Uint16Array.of(65535, 1, 2),
  ],
  int32Vector: [
    '01000000 feffffff',
    (io) => io.writeInt32Vector([-2]),
    (io) => io.readInt32Vector(),
    Int32Array.of(-2),
  ],
  uint32Vector: [
    '01000000 feffffff',
    (io) => io.writeUInt32Vector([0xfffffffe]),
    (io) => io.readUInt32Vector(),
    Uint32Array.of(0xfffffffe),
  ],
  floatVector: [
    '02000000 0000c03f000080be',
    (io) => io.writeFloatVector([1.5, -0.25]),
    (io) => io.readFloatVector(),
    Float32Array.of(1.5, -0.25),
  ],
  int64Vector: [
    '01000000 feffffffffffffff',
    (io) => io.writeInt64Vector([-2n]),
    (io) => io.readInt64Vector(),
    BigInt64Array.of(-2n),
  ],
  uint64Vector: [
    '01000000 feffffffffffffff',
    (io) => io.writeUInt64Vector(BigUint64Array.of(2n ** 64n - 2n)),
    (io) => io.readUInt64Vector(),
    BigUint64Array.of(2n ** 64n - 2n),
  ],
  doubleVector: [
    '01000000 000000000000f83f',
    (io) => io.writeDoubleVector([1.5]),
    (io) => io.readDoubleVector(),
    Float64Array.of(1.5),
  ],
  fileDescriptor: [
    '00000000 05000000 00000000 00000000',
    (io) => io.writeFileDescriptor(5),
    (io) => io.readFileDescriptor(),
    5,
  ],
  remoteObject: [
    '02000000 ffffffff 01000000 4d000000',
    (io) => io.writeRemoteObject({ handle: -1, token: 1, cookie: 77 }),
    (io) => io.readRemoteObject(),
    { handle: -1, token: 1, cookie: 77 },
  ],
};

for (const [name, [expected, write, read, value]] of Object.entries(rows)) {
  const isObject = name === 'fileDescriptor' || name === 'remoteObject';
  test(`${name} is written to and read from its bytes`, (t) => {
    const io = new IpcIo();
    write(io);
    t.is(hex(io), expected.replaceAll(' ', ''));
    t.deepEqual(io.offsets, isObject ? [0] : []);
    t.deepEqual(read(io), value);
    t.is(io.remaining, 0);
    // After one byte everything is shifted by one byte, regardless of alignment.
    const shifted = new IpcIo();
    shifted.writeUint8Unaligned(7);
    write(shifted);
    shifted.writeUint8Unaligned(9);
    t.is(hex(shifted), `07${expected.replaceAll(' ', '')}09`);
    const received = IpcIo.from(shifted.data.slice(), shifted.offsets);
    t.is(received.readUint8Unaligned(), 7);
    t.deepEqual(read(received), value);
    t.is(received.readUint8Unaligned(), 9);
    t.false(received.overflow);
  });

  test(`a truncated ${name} overflows and reads nothing`, (t) => {
    const io = new IpcIo();
    write(io);
    for (let size = 0; size < io.data.length; size++) {
      const cut = IpcIo.from(io.data.slice(0, size), io.offsets);
      t.throws(() => read(cut), { instanceOf: LiteIpcError, code: 'EPROTO' });
      t.true(cut.overflow);
      t.is(cut.position, 0);
    }
  });

  test(`without room ${name} overflows and writes nothing`, (t) => {
    const whole = new IpcIo();
    write(whole);
    const table = isObject ? 4 : 0;
    for (let left = 0; left < whole.data.length; left++) {
      const io = new IpcIo({ size: 8 + left + table });
      io.writeInt64(-1n);
      t.throws(() => write(io), { instanceOf: LiteIpcError, code: 'EMSGSIZE' });
      t.true(io.overflow);
      t.is(hex(io), 'ffffffffffffffff');
      t.deepEqual(io.offsets, []);
    }
    const io = new IpcIo({ size: whole.data.length + table });
    write(io);
    t.is(hex(io), hex(whole));
  });
}
