/**
 * The memory of one message, on its way out: a memfd that gets every byte once and is then sealed.
 */
import { Blob } from 'node:buffer';
import type { NativeDescriptor, NativeMemoryFile } from '../../types/native.js';
import { loadNativeBinding } from './binding.js';

/** What lies in memory begins at a multiple of this, bytes, so that any kind of view fits. */
const ALIGNMENT = 64;
/** Up to so many bytes are copied at once; more on another thread, so that this one goes on. */
const AT_ONCE_MAX = 1024 * 1024;
/** So much of a Blob is in memory at a time, bytes. */
const BLOB_PIECE = 1024 * 1024;

const padding = new Uint8Array(ALIGNMENT);

/** Collects parts, then is filled with them, then has a descriptor. */
export class MemoryToSend {
  readonly #parts: (Uint8Array | Blob)[] = [];
  #size = 0;
  #hasParts = false;
  #filling: NativeMemoryFile | undefined;
  #sealed: NativeDescriptor | undefined;
  #closed = false;

  /** Whether there is anything in it. */
  get used(): boolean {
    return this.#hasParts;
  }

  /** Its descriptor, once it has been filled. */
  get fd(): number {
    return this.#sealed?.fd ?? -1;
  }

  /** Makes place for `size` bytes; where they will lie. Nothing is read yet. */
  add(part: Uint8Array | Blob, size: number): number {
    const gap = -this.#size & (ALIGNMENT - 1);
    if (gap > 0) this.#parts.push(padding.subarray(0, gap));
    const at = this.#size + gap;
    this.#hasParts = true;
    this.#parts.push(part);
    this.#size = at + size;
    return at;
  }

  /**
   * Fills and seals it: at once if it is small (undefined), else as a promise. Throws or rejects
   * with an `Error` with `code`: EMFILE, ENOMEM, ..., ECANCELED if it was closed meanwhile; without
   * one if a Blob is not readable.
   */
  fill(): Promise<void> | undefined {
    const file = loadNativeBinding().createMemoryFile();
    this.#filling = file;
    if (this.#size > AT_ONCE_MAX || this.#parts.some((part) => part instanceof Blob)) {
      return this.#fillLater(file);
    }
    try {
      file.append(this.#parts as Uint8Array[]);
    } catch (error) {
      file.close();
      throw error;
    }
    this.#seal(file);
    return undefined;
  }

  /** Idempotent; ends a filling that is under way. */
  close(): void {
    this.#closed = true;
    this.#filling?.close();
    this.#sealed?.close();
    this.#filling = undefined;
    this.#sealed = undefined;
    this.#parts.length = 0;
  }

  async #fillLater(file: NativeMemoryFile): Promise<void> {
    try {
      let bytes: Uint8Array[] = [];
      for (const part of this.#parts.splice(0)) {
        if (!(part instanceof Blob)) {
          bytes.push(part);
          continue;
        }
        await file.appendInBackground(bytes);
        bytes = [];
        await appendBlob(file, part);
      }
      await file.appendInBackground(bytes);
      if (!this.#closed) this.#seal(file);
    } finally {
      file.close();
    }
  }

  #seal(file: NativeMemoryFile): void {
    this.#sealed = file.seal();
    this.#filling = undefined;
    this.#parts.length = 0;
  }
}

async function appendBlob(file: NativeMemoryFile, blob: Blob): Promise<void> {
  for (let at = 0; at < blob.size; at += BLOB_PIECE) {
    const piece = await blob.slice(at, at + BLOB_PIECE).arrayBuffer();
    // Its place has been promised: a Blob of a file that has become shorter must not move what is
    // behind it.
    if (piece.byteLength !== Math.min(BLOB_PIECE, blob.size - at)) {
      throw new Error('a Blob is shorter than it said');
    }
    file.append([new Uint8Array(piece)]);
  }
}
