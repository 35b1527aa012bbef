/**
 * Methods whose messages are parcels (`IpcIo`): a C program writes and reads them with ipc_io.h.
 */
import { defineService, method, oneway } from 'liteipc';
import { parcel } from 'liteipc/native';

const reading = parcel<{ room: string; celsius: number }>({
  write: (io, { room, celsius }) => {
    io.writeString(room).writeDouble(celsius);
  },
  read: (io) => ({ room: io.readString(), celsius: io.readDouble() }),
});

const room = parcel<string>({
  write: (io, name) => {
    io.writeString(name);
  },
  read: (io) => io.readString(),
});

const summary = parcel<{ count: number; mean: number }>({
  write: (io, { count, mean }) => {
    io.writeUint32(count).writeDouble(mean);
  },
  read: (io) => ({ count: io.readUint32(), mean: io.readDouble() }),
});

export const Weather = defineService('weather', {
  report: oneway({ input: reading }), // code 0
  summary: method({ input: room, output: summary }), // code 1
});
