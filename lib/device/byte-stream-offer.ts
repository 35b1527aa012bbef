/** Sends ReadableStreams: each is offered as an anonymous service until it has been read. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ReadableStream, ReadableStreamDefaultReader } from 'node:stream/web';
import { exposeAnonymous } from './anonymous-service.js';
import type { StreamOffer } from '../attachments/outgoing.js';
import { ByteStream } from '../attachments/byte-stream.js';
import type { Connection } from '../connection/connection.js';
import { bytesOf, isBytes } from '../common/values.js';
import { LiteIpcError } from '../common/errors.js';
import { ServiceHost } from '../service/host.js';

/** Maximum size of a piece, bytes. A piece takes at most half of a message. */
const PIECE_MAX = 32 * 1024;
/**
 * Time within which the receiver has to start reading, ms. The message may have been discarded.
 */
const ASKED_FOR_WITHIN_MS = 30_000;
/** Interval between two checks whether the final answer has been sent, ms. */
const LOOK_MS = 5;

const ignore = (): void => undefined;

function bytesOfPiece(piece: unknown): Uint8Array {
  if (isBytes(piece)) return bytesOf(piece);
  const what = piece === null ? 'null' : typeof piece;
  throw new TypeError(`A ReadableStream that is sent must yield bytes; this one yielded ${what}`);
}

class OfferedStream implements StreamOffer {
  readonly handle: number;
  readonly generation: number;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(
    private readonly connection: Connection,
    private readonly reader: ReadableStreamDefaultReader<unknown>,
    handle: number,
    generation: number,
    private readonly end: () => Promise<void>,
  ) {
    this.handle = handle;
    this.generation = generation;
  }

  sent(): void {
    this.#timer = setTimeout(() => {
      const text = 'The receiver did not read the stream in time (ETIME)';
      this.cancel(new LiteIpcError('ETIME', text));
    }, ASKED_FOR_WITHIN_MS).unref();
  }

  cancel(reason: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.reader.cancel(reason).catch(ignore);
    void this.end();
  }

  /** Yields the pieces to the first reader. */
  async *read(host: ServiceHost, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    clearTimeout(this.#timer);
    const size = Math.min(PIECE_MAX, this.connection.native.dataLimit >> 1);
    // If the reader goes away, a source without data must not keep the service alive.
    const leave = (): void => {
      this.reader.cancel(signal.reason).catch(ignore);
    };
    signal.addEventListener('abort', leave, { once: true });
    try {
      for (;;) {
        const { done, value } = await this.reader.read();
        if (done) return;
        const bytes = bytesOfPiece(value);
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      }
    } finally {
      signal.removeEventListener('abort', leave);
      // Has no effect on a source that has ended.
      this.reader.cancel().catch(ignore);
      this.#ended = true;
      void this.#endWhenAnswered(host);
    }
  }

  /** Ends the service after the final answer has been sent. */
  async #endWhenAnswered(host: ServiceHost): Promise<void> {
    const connection = this.connection;
    do {
      await pause(LOOK_MS);
    } while (connection.alive && (host.unanswered > 0 || !connection.isAnswered(this.handle)));
    await this.end();
  }
}

/**
 * Offers a stream, which is locked from then on. Rejects with a LiteIpcError if the stream is
 * locked already, or if no task is left.
 */
export async function offerByteStream(
  connection: Connection,
  source: ReadableStream,
): Promise<StreamOffer> {
  if (source.locked) {
    throw new LiteIpcError('EINVAL', 'a ReadableStream that is locked cannot be sent');
  }
  const reader = source.getReader() as ReadableStreamDefaultReader<unknown>;
  let offered: OfferedStream | undefined;
  let asked = false;
  const host = new ServiceHost(ByteStream, {
    read(_input: undefined, { signal }: { readonly signal: AbortSignal }) {
      if (offered === undefined || asked) throw new Error('The stream already has a reader');
      asked = true;
      return offered.read(host, signal);
    },
  });
  try {
    const service = await exposeAnonymous(connection, host);
    const { handle, generation } = service.reference.factsFor(connection.native);
    const end = (): Promise<void> => service.dispose();
    offered = new OfferedStream(connection, reader, handle, generation, end);
    return offered;
  } catch (error) {
    reader.cancel(error).catch(ignore);
    throw error;
  }
}
