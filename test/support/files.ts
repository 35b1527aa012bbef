/** A service that receives and returns files, for test/integration/calls/files.test.ts. */
import { closeSync, openSync, readSync, readdirSync, readlinkSync, writeSync } from 'node:fs';
import {
  defineService,
  method,
  oneway,
  type CallContext,
  type ImplementationOf,
  type ReceivedFile,
} from 'liteipc';
import { IpcIo, parcel } from 'liteipc/native';

const number = parcel<number>({
  write: (io: IpcIo, value: number) => {
    io.writeInt32(value);
  },
  read: (io: IpcIo) => io.readInt32(),
});

export const Files = defineService('files', {
  /** Returns the first `count` bytes of each file. */
  read: method<number, string[]>(),
  /** Writes into the first file. */
  write: method<string>(),
  /** Opens the path, attaches it `count` times, and closes its own. */
  open: method<{ path: string; times: number }, string>(),
  /** Attaches the files that it received. */
  echo: method<Uint8Array, Uint8Array>(),
  /**
   * Retains the first file and releases the second. `retained` returns their texts and closes both.
   */
  retain: method(),
  retained: method<void, string[]>(),
  /** Returns the number of files of the process with this path. */
  copies: method<string, number>(),
  /** Throws with files attached. */
  fail: method<string>(),
  /** Ends the process while it has the files. */
  crash: method(),
  /** Counts messages; `noted` returns the count. */
  note: oneway<string>(),
  noted: method<void, number>(),
  /** Never answers. */
  hold: method(),
  inParcel: method({ input: number, output: number }),
});

/** Returns the first bytes of a file, regardless of its position. */
export function textOf(fd: number, size: number): string {
  const buffer = Buffer.alloc(size);
  return buffer.toString('utf8', 0, readSync(fd, buffer, 0, size, 0));
}

/** Returns the number of descriptors of this process for this file. */
export function openCopies(path: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false; // closed meanwhile
    }
  }).length;
}

function first(call: CallContext): ReceivedFile {
  const [file] = call.files;
  if (file === undefined) throw new Error('no file came');
  return file;
}

/** Implements the service. */
export class FileReader implements ImplementationOf<typeof Files> {
  #retained: ReceivedFile | undefined;
  #released = -1;
  #noted = 0;

  async read(size: number, call: CallContext): Promise<string[]> {
    await new Promise((resolve) => setImmediate(resolve));
    return call.files.map(({ fd }) => textOf(fd, size));
  }

  write(text: string, call: CallContext): void {
    writeSync(first(call).fd, text);
  }

  open({ path, times }: { path: string; times: number }, call: CallContext): string {
    const fd = openSync(path, 'r');
    try {
      for (let time = 0; time < times; time++) call.attach(fd);
    } finally {
      closeSync(fd);
    }
    return `${times} of ${path}`;
  }

  echo(data: Uint8Array, call: CallContext): Uint8Array {
    for (const file of call.files) call.attach(file);
    return data;
  }

  retain(_: void, call: CallContext): void {
    this.#retained = first(call).keep();
    this.#released = call.files[1]?.release() ?? -1;
  }

  retained(): string[] {
    const texts = [textOf(this.#retained?.fd ?? -1, 5), textOf(this.#released, 5)];
    this.#retained?.close();
    closeSync(this.#released);
    return texts;
  }

  copies(path: string): number {
    return openCopies(path);
  }

  fail(message: string, call: CallContext): void {
    for (const file of call.files) call.attach(file);
    throw new Error(message);
  }

  crash(): void {
    process.kill(process.pid, 'SIGKILL');
  }

  note(_: string, call: CallContext): void {
    this.#noted += call.files.length;
    call.attach(first(call));
  }

  noted(): number {
    return this.#noted;
  }

  hold(): Promise<void> {
    return new Promise(() => undefined);
  }

  inParcel(value: number, call: CallContext): number {
    if (value === 2) call.attach(0);
    return value + call.files.length;
  }
}
