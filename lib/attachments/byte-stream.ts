/**
 * A ReadableStream of bytes as a value. It stays where it is: its sender offers it as a service
 * without a name, and who receives the value reads it from there, piece by piece, as any other
 * stream of a service.
 */
import { ReadableStream } from 'node:stream/web';
import { defineService } from '../contract/contract.js';
import { shapeOf } from '../contract/shape.js';
import { stream } from '../contract/methods.js';
import { Reference, type ReferenceHome } from './reference.js';

/** What stands behind a stream that was sent. */
export const ByteStream = defineService('liteipc.bytes', {
  /** The bytes, in pieces. Can be called once. */
  read: stream<void, Uint8Array>(),
});

const shape = shapeOf(ByteStream.methods);
const ignore = (): void => undefined;

/**
 * The stream that is offered at a task. It is asked for at once, so that its sender knows that
 * somebody has it; ends there when it is cancelled or collected. What is wrong with it is told to
 * its reader.
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
    // What has arrived waits in the stream below, which has a limit of its own.
    { highWaterMark: 0 },
  );
}
