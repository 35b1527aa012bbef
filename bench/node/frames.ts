/**
 * Encodes length-prefixed frames over a byte stream and writes them in batches. A frame is a header
 * of 8 bytes (its length including the header as a 32-bit little-endian number, then zero) and the
 * encoded value, padded to a multiple of 8 bytes.
 */
import type { Socket } from 'node:net';
import { Packr, RESERVE_START_SPACE } from 'msgpackr';
import type { Answer, Question } from './question.js';

export const HEADER_BYTES = 8;
const ALIGNMENT = 8;
const POOL_BYTES = 16384;

/**
 * A `Codec` converts values to frames and back. Frames are consecutive in buffers that are never
 * reused.
 */
export interface Codec<Out, In> {
  /**
   * Returns a frame with room for the header; the frame starts at a multiple of 8 in its buffer.
   */
  encode(value: Out): Buffer;
  /** Returns the value of the frame whose content is at `start` to `end`. */
  decode(bytes: Buffer, start: number, end: number): In;
}

function padded(bytes: number): number {
  return (bytes + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

/** Encodes with msgpackr, directly behind the header. */
export function messagePackCodec<Out, In>(): Codec<Out, In> {
  const packr = new Packr({ useRecords: false });
  return {
    encode: (value) => packr.pack(value, RESERVE_START_SPACE + HEADER_BYTES),
    decode: (bytes, start, end) => packr.unpack(bytes, { start, end }) as In,
  };
}

class Pool {
  #buffer = Buffer.allocUnsafeSlow(POOL_BYTES);
  #used = 0;

  take(bytes: number): Buffer {
    if (this.#used + bytes > POOL_BYTES) {
      this.#buffer = Buffer.allocUnsafeSlow(POOL_BYTES);
      this.#used = 0;
    }
    const taken = this.#buffer.subarray(this.#used, this.#used + bytes);
    this.#used += padded(bytes);
    return taken;
  }
}

/** Encodes questions and decodes answers as custom frames: the id, then the numbers as doubles. */
export function binaryClientCodec(): Codec<Question, Answer> {
  const pool = new Pool();
  return {
    encode(question) {
      const frame = pool.take(HEADER_BYTES + 24);
      frame.writeUInt32LE(question.id, HEADER_BYTES);
      frame.writeDoubleLE(question.a, HEADER_BYTES + 8);
      frame.writeDoubleLE(question.b, HEADER_BYTES + 16);
      return frame;
    },
    decode: (bytes, start) => ({
      id: bytes.readUInt32LE(start),
      sum: bytes.readDoubleLE(start + 8),
    }),
  };
}

export function binaryServerCodec(): Codec<Answer, Question> {
  const pool = new Pool();
  return {
    encode(answer) {
      const frame = pool.take(HEADER_BYTES + 16);
      frame.writeUInt32LE(answer.id, HEADER_BYTES);
      frame.writeDoubleLE(answer.sum, HEADER_BYTES + 8);
      return frame;
    },
    decode: (bytes, start) => ({
      id: bytes.readUInt32LE(start),
      a: bytes.readDoubleLE(start + 8),
      b: bytes.readDoubleLE(start + 16),
    }),
  };
}

/** A `FrameWriter` collects adjacent frames and writes them at once. */
export class FrameWriter<Out> {
  readonly #socket: Socket;
  readonly #codec: Codec<Out, unknown>;
  #memory: ArrayBufferLike | undefined;
  #start = 0;
  #end = 0;

  constructor(socket: Socket, codec: Codec<Out, unknown>) {
    this.#socket = socket;
    this.#codec = codec;
  }

  add(value: Out): void {
    const frame = this.#codec.encode(value);
    frame.writeUInt32LE(frame.length, 0);
    frame.writeUInt32LE(0, 4);
    if (frame.buffer !== this.#memory || frame.byteOffset !== this.#end) {
      this.flush();
      this.#memory = frame.buffer;
      this.#start = frame.byteOffset;
    }
    this.#end = frame.byteOffset + padded(frame.length);
  }

  flush(): void {
    if (this.#memory !== undefined && this.#end > this.#start) {
      this.#socket.write(new Uint8Array(this.#memory, this.#start, this.#end - this.#start));
    }
    this.#start = this.#end;
  }
}

/** Calls `receive` for each value that arrives, and `done` after each chunk of the stream. */
export function readFrames<In>(
  socket: Socket,
  codec: Codec<never, In>,
  receive: (value: In) => void,
  done: () => void,
): void {
  let rest: Buffer | undefined;
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const length = bytes.readUInt32LE(at);
      if (bytes.length - at < padded(length)) {
        break;
      }
      receive(codec.decode(bytes, at + HEADER_BYTES, at + length));
      at += padded(length);
    }
    rest = at === bytes.length ? undefined : bytes.subarray(at);
    done();
  });
}
