/** Creates the memory of one outgoing message: a memfd that is written once and then sealed. */
import { Blob } from 'node:buffer';
import type { NativeDescriptor, NativeMemoryFile } from '../../types/native.js';
import { loadNativeBinding } from './binding.js';

/** Alignment of the parts in bytes, so that any view class fits. */
const ALIGNMENT = 64;
/** Up to this size in bytes this thread copies; another thread copies more. */
const AT_ONCE_MAX = 1024 * 1024;
/** Size in bytes of the pieces in which a Blob is read. */
const BLOB_PIECE = 1024 * 1024;

const padding = new Uint8Array(ALIGNMENT);

/** Collects parts, copies them into a memfd and provides its descriptor. */
export class MemoryToSend {
  readonly #parts: (Uint8Array | Blob)[] = [];
  #size = 0;
  #hasParts = false;
  #filling: NativeMemoryFile | undefined;
  #sealed: NativeDescriptor | undefined;
  #closed = false;

  /** True if there are parts. */
  get used(): boolean {
    return this.#hasParts;
  }

  /** The descriptor of the memory; -1 until it is filled. */
  get fd(): number {
    return this.#sealed?.fd ?? -1;
  }

  /** Adds a part of `size` bytes. Returns its offset in the memory. Does not read it yet. */
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
   * Fills and seals the memory. Returns undefined if this is complete, else a promise. Throws or
   * rejects with an `Error` with `code`: EMFILE, ENOMEM, ..., ECANCELED if `close` was called
   * meanwhile. The error has no code if a Blob cannot be read.
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

  /** Releases the memory and cancels a running fill. Idempotent. */
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
    // Later parts have fixed offsets, so a Blob must not shrink (the file behind it may).
    if (piece.byteLength !== Math.min(BLOB_PIECE, blob.size - at)) {
      throw new Error('a Blob is shorter than its declared size');
    }
    file.append([new Uint8Array(piece)]);
  }
}
