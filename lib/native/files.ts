/**
 * Implements the open files that travel with calls: duplicates of outgoing files, and received
 * files.
 */
import type { NativeDescriptor, NativeDevice } from '../../types/native.js';
import { unexpected } from '../common/arguments.js';
import { LiteIpcError, callError, type ServiceReference } from '../common/errors.js';
import { ObjectType, ObjectWords } from './layout.js';
import { loadNativeBinding } from './binding.js';
import { OBJECT_SIZE, type ObjectsToSend } from './message-objects.js';

/** Maximum number of files in one message. */
export const FILES_MAX = 16;

/**
 * An open file: the number of a descriptor, a `FileHandle`, a {@link ReceivedFile}, or any object
 * with an `fd`.
 */
export type FileSource = number | { readonly fd: number };

/**
 * A file that came with a call or a result. It is a descriptor of this process with close-on-exec.
 * It is closed when it is garbage collected or when its thread ends, if the program has not closed
 * it.
 */
export class ReceivedFile implements Disposable {
  readonly #native: NativeDescriptor;
  #retained = false;

  /** Only LiteIPC creates instances. */
  constructor(native: NativeDescriptor) {
    this.#native = native;
  }

  /** The descriptor, for `fs.read`, `fs.fstat` and the like; -1 after it was closed or released. */
  get fd(): number {
    return this.#native.fd;
  }

  /**
   * Leaves the file open when the call that it came with ends. From then on the program must close
   * it.
   */
  keep(): this {
    this.#retained = true;
    return this;
  }

  /**
   * Returns the descriptor and ends its ownership. The new owner must close it, for example
   * `fs.createReadStream('', { fd })` or `new net.Socket({ fd })`.
   */
  release(): number {
    return this.#native.release();
  }

  /** Closes the file. Idempotent. */
  close(): void {
    this.#native.close();
  }

  /** Calls {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the file when its call ends, unless {@link keep} was called. */
  callEnded(): void {
    if (!this.#retained) this.close();
  }
}

/**
 * Holds duplicates of the sender's descriptors until they are sent, so the sender may close its own
 * at once.
 */
export class FilesToSend implements ObjectsToSend {
  readonly #copies: NativeDescriptor[] = [];

  /** Number of files. */
  get count(): number {
    return this.#copies.length;
  }

  /** Space that they occupy in a message, in bytes. */
  get size(): number {
    return this.count * OBJECT_SIZE;
  }

  /**
   * Duplicates a file. Throws a TypeError, or a LiteIpcError: EBADF, EMFILE, EINVAL (more than 16).
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

  /** Duplicates all files. On errors closes the duplicates and throws like {@link add}. */
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

  /** Returns the objects in the form that the native side takes. */
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

  /** Closes all duplicates. Idempotent. */
  close(): void {
    for (const copy of this.#copies.splice(0)) copy.close();
  }
}

/**
 * Returns the size of the objects before the data of a message in bytes, or -1 if the objects are
 * at other offsets.
 */
export function headSize(words: Uint32Array): number {
  const count = words.length / ObjectWords.Words;
  for (let index = 0; index < count; index++) {
    if (words[index * ObjectWords.Words + ObjectWords.Offset] !== index * OBJECT_SIZE) return -1;
  }
  return count * OBJECT_SIZE;
}

/**
 * Adopts the descriptors among the objects of a message, except those at the indexes `taken`.
 * Allowed only while the event of the message is handled.
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
