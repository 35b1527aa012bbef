/** Open files that travel with calls: copies on their way out, and those that have arrived. */
import type { NativeDescriptor, NativeDevice } from '../../types/native.js';
import { unexpected } from '../common/arguments.js';
import { LiteIpcError, callError, type ServiceReference } from '../common/errors.js';
import { ObjectType, ObjectWords } from './layout.js';
import { loadNativeBinding } from './binding.js';
import { OBJECT_SIZE, type ObjectsToSend } from './message-objects.js';

/** Most files that one message carries. */
export const FILES_MAX = 16;

/**
 * Something open: a descriptor's number, a `FileHandle`, a {@link ReceivedFile}, or whatever else
 * has an `fd`.
 */
export type FileSource = number | { readonly fd: number };

/**
 * A file that has arrived with a call or a result: a descriptor of this process, close-on-exec. One
 * that is forgotten is closed when it is garbage collected, or when its thread ends.
 */
export class ReceivedFile implements Disposable {
  readonly #native: NativeDescriptor;
  #kept = false;

  /** Made by LiteIPC. */
  constructor(native: NativeDescriptor) {
    this.#native = native;
  }

  /** Its number, for `fs.read`, `fs.fstat` and the like; -1 once it was closed or released. */
  get fd(): number {
    return this.#native.fd;
  }

  /** Keeps it open when the call that it came with has ended: from now on the program closes it. */
  keep(): this {
    this.#kept = true;
    return this;
  }

  /**
   * Gives the number away: whoever gets it closes it, for example `fs.createReadStream('', { fd })`
   * or `new net.Socket({ fd })`.
   */
  release(): number {
    return this.#native.release();
  }

  /** Idempotent. */
  close(): void {
    this.#native.close();
  }

  /** The same as {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** The call that it came with has ended. */
  callEnded(): void {
    if (!this.#kept) this.close();
  }
}

/**
 * Copies of the sender's descriptors, closed once they were sent; so the sender may close its own
 * at once.
 */
export class FilesToSend implements ObjectsToSend {
  readonly #copies: NativeDescriptor[] = [];

  /** How many there are. */
  get count(): number {
    return this.#copies.length;
  }

  /** What they take of a message, bytes. */
  get size(): number {
    return this.count * OBJECT_SIZE;
  }

  /**
   * Copies one more. Throws a TypeError, or a LiteIpcError: EBADF, EMFILE, EINVAL (more than 16).
   */
  add(source: FileSource, about: ServiceReference): void {
    const what = `files[${this.count}] of ${about.service}.${about.method}`;
    const fd: unknown = typeof source === 'object' && source !== null ? source.fd : source;
    if (typeof fd !== 'number')
      throw unexpected('a descriptor or an object with an fd', what, source);
    if (this.count === FILES_MAX) {
      throw callError('EINVAL', about, `a message carries at most ${FILES_MAX} files`);
    }
    if (!Number.isInteger(fd) || fd < 0 || fd > 0x7fff_ffff) {
      throw callError('EBADF', about, `${what} is not open: its fd is ${fd}`);
    }
    try {
      this.#copies.push(loadNativeBinding().duplicateDescriptor(fd));
    } catch (error) {
      const { code, message } = error as Error & { code: string };
      throw new LiteIpcError(code, `${what}: ${message} (${code})`, { ...about, cause: error });
    }
  }

  /** Copies all. Throws as {@link add}, having closed what it had copied. */
  static from(sources: readonly FileSource[], about: ServiceReference): FilesToSend {
    const files = new FilesToSend();
    try {
      for (const source of sources) files.add(source, about);
    } catch (error) {
      files.close();
      throw error;
    }
    return files;
  }

  /** As the native side takes them. */
  words(): Uint32Array {
    const words = new Uint32Array(this.count * ObjectWords.Words);
    this.#copies.forEach(({ fd }, index) => {
      words[index * ObjectWords.Words + ObjectWords.Type] = ObjectType.Descriptor;
      words[index * ObjectWords.Words + ObjectWords.Value0] = fd;
    });
    return words;
  }

  sent(): void {
    this.close();
  }

  /** Idempotent. */
  close(): void {
    for (const copy of this.#copies.splice(0)) copy.close();
  }
}

/** Bytes that a message's objects take in front of its data, or -1 if they lie elsewhere. */
export function headSize(words: Uint32Array): number {
  const count = words.length / ObjectWords.Words;
  for (let index = 0; index < count; index++) {
    if (words[index * ObjectWords.Words + ObjectWords.Offset] !== index * OBJECT_SIZE) return -1;
  }
  return count * OBJECT_SIZE;
}

/**
 * Takes over the descriptors among a message's objects, except those at the indexes `taken`; only
 * while its event is handled.
 */
export function adoptFiles(
  native: NativeDevice,
  words: Uint32Array,
  taken?: ReadonlySet<number>,
): ReceivedFile[] {
  const files: ReceivedFile[] = [];
  for (let at = 0; at < words.length; at += ObjectWords.Words) {
    const isTaken = taken?.has(at / ObjectWords.Words) === true;
    if (!isTaken && words[at + ObjectWords.Type] === ObjectType.Descriptor) {
      files.push(new ReceivedFile(native.adopt(words[at + ObjectWords.Value0] as number)));
    }
  }
  return files;
}
