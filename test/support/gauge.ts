/** A service whose messages are parcels; test/programs/parcel_peer.c implements it in C. */
import { defineService, method, oneway } from 'liteipc';
import { parcel } from 'liteipc/native';

const bytes = parcel<Uint8Array>({
  write: (io, data) => {
    io.writeBuffer(data);
  },
  read: (io) => io.readBuffer(io.remaining),
});

const sumInput = parcel<{ name: string; values: readonly number[] }>({
  write: (io, { name, values }) => {
    io.writeString(name).writeInt32Vector(values);
  },
  read: (io) => ({ name: io.readString(), values: [...io.readInt32Vector()] }),
});

const sumOutput = parcel<{ text: string; total: bigint }>({
  write: (io, { text, total }) => {
    io.writeString(text).writeInt64(total);
  },
  read: (io) => ({ text: io.readString(), total: io.readInt64() }),
});

const byte = parcel<number>({
  write: (io, value) => {
    io.writeUint8(value);
  },
  read: (io) => io.readUint8(),
});

const count = parcel<number>({
  write: (io, value) => {
    io.writeUint32(value);
  },
  read: (io) => io.readUint32(),
});

const text = parcel<string>({
  write: (io, value) => {
    io.writeString(value);
  },
  read: (io) => io.readString(),
});

/** The contract. The index of a method is its code in C. */
export const Gauge = defineService('gauge', {
  sum: method({ input: sumInput, output: sumOutput }),
  echo: method({ input: bytes, output: bytes }),
  note: oneway({ input: byte }),
  notes: method({ output: count }),
  fail: method({ input: text, output: text }),
});

/** The same constant as in parcel_peer.c. */
export function makeGauge(): {
  sum: (input: { name: string; values: readonly number[] }) => { text: string; total: bigint };
  echo: (data: Uint8Array) => Uint8Array;
  note: (value: number) => void;
  notes: () => number;
  fail: (reason: string) => string;
} {
  let notes = 0;
  return {
    sum: ({ name, values }) => ({
      text: `${name} has ${values.length} values`,
      total: values.reduce((total, value) => total + BigInt(value), 0n),
    }),
    echo: (data) => data,
    note: () => {
      notes += 1;
    },
    notes: () => notes,
    fail: (reason) => {
      throw new RangeError(reason);
    },
  };
}
