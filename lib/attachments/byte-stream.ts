/**
 * Implements ReadableStreams of bytes as values. The sender offers its stream as a service without
 * a name. The receiver reads it from there like any stream of a service.
 */
import { ReadableStream } from 'node:stream/web';
import { defineService } from '../contract/contract.js';
import { shapeOf } from '../contract/shape.js';
import { stream } from '../contract/methods.js';
import { Reference, type ReferenceHome } from './reference.js';

/** The contract of the service that offers a stream. */
export const ByteStream = defineService('liteipc.bytes', {
  /** Returns the bytes in pieces. Can be called once. */
  read: stream<void, Uint8Array>(),
});

const shape = shapeOf(ByteStream.methods);
const ignore = (): void => undefined;

/**
 * Returns the stream that the service at `handle` offers. Starts to read it at once, so that its
 * sender knows that it was received. The stream ends at the sender when it is cancelled or garbage
 * collected. Errors are passed to its reader.
 */
export function byteStreamAt(
  home: ReferenceHome,
  handle: number,
  generation: number,
): ReadableStream<Uint8Array> {
  const reference = new Reference<typeof ByteStream>(home, {
    ...{ handle, generation, shape },
    name: ByteStream.name,
  });
  const pieces = reference.connect(ByteStream).then((client) => client.read());
  pieces.catch(ignore);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await (await pieces).next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await (await pieces).return();
      },
    },
    // The stream below buffers what has arrived, up to its own limit.
    { highWaterMark: 0 },
  );
}
