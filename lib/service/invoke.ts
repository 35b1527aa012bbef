/** Adapts the streaming methods of an implementation, so that a host calls all kinds alike. */
import type { CallContext } from '../contract/call-context.js';
import type { MethodKind } from '../contract/methods.js';
import { incomingOf } from './incoming-call.js';
import type { ServiceStream } from './stream.js';

/** A method of an implementation as the host calls it. */
export type Invoke = (this: object, input: unknown, call: CallContext) => unknown;

/** Returns the function that the host calls for a method of this kind. */
export function invokeOf(kind: MethodKind, implementation: Invoke): Invoke {
  switch (kind) {
    case 'stream':
      return function (input, call) {
        const stream = streamOf(call);
        const items = implementation.call(this, input, call);
        stream.begin();
        return stream.produce(items);
      };
    case 'sink':
      return function (_input, call) {
        const stream = streamOf(call);
        return implementation.call(this, stream.items, call);
      };
    case 'duplex':
      return function (_input, call) {
        const stream = streamOf(call);
        const items = implementation.call(this, stream.items, call);
        stream.begin();
        return stream.produce(items);
      };
    default:
      return implementation;
  }
}

function streamOf(call: CallContext): ServiceStream {
  return incomingOf(call).stream as ServiceStream;
}
