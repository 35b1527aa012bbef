/** A service that receives large values and references, for test/integration/attachments. */
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import {
  defineService,
  method,
  oneway,
  releaseBytes,
  type CallContext,
  type ClientOf,
  type ImplementationOf,
  type Reference,
} from 'liteipc';

/** The anonymous service of a subscriber. */
export const Listener = defineService('listener', {
  changed: method<string, number>(),
  note: oneway<string>(),
});

export const Big = defineService('big', {
  echo: method<unknown, unknown>(),
  /** Returns the SHA-256 of bytes that came with the call, or of the first file. */
  hash: method<Uint8Array | undefined, string>(),
  /** Retains a value and writes to it. Returns its first byte. */
  scribble: method<Uint8Array, number>(),
  /** Reads a byte of the value that `scribble` retained, and releases the value if requested. */
  retained: method<{ at: number; release: boolean }, number | undefined>(),
  note: oneway<Uint8Array>(),
  noted: method<void, number>(),
  /** Returns the private memory of this process, and its maximum since the last call. */
  memory: method<void, MemoryUse>(),
  /** Returns the number of mappings of sealed memory and of their descriptors. */
  mapped: method<void, number>(),
  subscribe: method<Reference<typeof Listener>>(),
  announce: method<string, number[]>(),
  /** Returns the references that it received. */
  listeners: method<void, readonly Reference<typeof Listener>[]>(),
  crash: oneway(),
});

/** Memory of a process in bytes. */
export interface MemoryUse {
  /** Private memory. */
  readonly anonymous: number;
  /** Shared memory that the process has touched. */
  readonly shared: number;
  /** Maximum of the private memory since the last query. */
  readonly peakAnonymous: number;
}

let peak = 0;

function statusBytes(name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(
    readFileSync('/proc/self/status', 'utf8'),
  );
  return Number(found?.[1]) * 1024;
}

/** Updates the maximum. Called while something runs. */
export function sampleMemory(): void {
  peak = Math.max(peak, statusBytes('RssAnon'));
}

export function memoryUse(): MemoryUse {
  sampleMemory();
  const use = {
    anonymous: statusBytes('RssAnon'),
    shared: statusBytes('RssShmem'),
    peakAnonymous: peak,
  };
  peak = 0;
  return use;
}

/** Returns the number of memfds that this process has mapped or open. */
export function memoryFiles(): number {
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n');
  const mapped = maps.filter((line) => line.includes('memfd:liteipc-value')).length;
  const open = readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes('memfd:liteipc-value');
    } catch {
      return false; // closed meanwhile
    }
  });
  return mapped + open.length;
}

const PIECE = 16 * 1024 * 1024;

/** Returns the SHA-256, and samples the memory in between. */
export function hashOf(bytes: Uint8Array): string {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += PIECE) {
    hash.update(bytes.subarray(at, at + PIECE));
    sampleMemory();
  }
  return hash.digest('hex');
}

async function hashFile(fd: number): Promise<string> {
  const hash = createHash('sha256');
  let count = 0;
  const stream = createReadStream('', {
    fd,
    start: 0,
    autoClose: false,
    highWaterMark: 1024 * 1024,
  });
  for await (const piece of stream) {
    hash.update(piece as Buffer);
    if (++count % 16 === 0) sampleMemory();
  }
  return hash.digest('hex');
}

/** Implements the service. */
export class BigService implements ImplementationOf<typeof Big> {
  #retained: Uint8Array | undefined;
  #noted = 0;
  readonly #references: Reference<typeof Listener>[] = [];
  readonly #clients: ClientOf<typeof Listener>[] = [];

  echo(value: unknown): unknown {
    return value;
  }

  async hash(bytes: Uint8Array | undefined, call: CallContext): Promise<string> {
    if (bytes === undefined) return hashFile(call.files[0]?.fd ?? -1);
    const digest = hashOf(bytes);
    releaseBytes(bytes);
    return digest;
  }

  scribble(bytes: Uint8Array): number {
    bytes.fill(0xee);
    this.#retained = bytes;
    return bytes[0] as number;
  }

  retained({ at, release }: { at: number; release: boolean }): number | undefined {
    if (release && this.#retained !== undefined) releaseBytes(this.#retained);
    return this.#retained?.[at];
  }

  note(bytes: Uint8Array): void {
    this.#noted += bytes.length;
    releaseBytes(bytes);
  }

  noted(): number {
    return this.#noted;
  }

  memory(): MemoryUse {
    return memoryUse();
  }

  mapped(): number {
    return memoryFiles();
  }

  async subscribe(reference: Reference<typeof Listener>): Promise<void> {
    this.#clients.push(await reference.connect(Listener));
    this.#references.push(reference);
  }

  async announce(text: string): Promise<number[]> {
    return Promise.all(this.#clients.map((client) => client.changed(text)));
  }

  listeners(): readonly Reference<typeof Listener>[] {
    return this.#references;
  }

  crash(): void {
    process.kill(process.pid, 'SIGKILL');
  }
}
