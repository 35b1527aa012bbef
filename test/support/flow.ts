/** A service with streams, for tests of permission. */
import { defineService, event, method, sink, stream } from 'liteipc';

export const Flow = defineService('flow', {
  /** Yields a number every few ms, without end. */
  ticks: stream<void, number>(),
  /** Reads all items. */
  collect: sink<Uint8Array, number>(),
  news: event<string>(),
  ping: method<void, string>(),
});

/** Report of test/programs/flow-client.ts. */
export interface FlowReport {
  /** Numbers of received items of `ticks` and `news`. */
  readonly ticks: number;
  readonly news: number;
  /** End of each stream: `done` or the code of the error; absent while it runs. */
  readonly ended: Readonly<Record<string, string>>;
  /** Result of `ping`: `pong` or the code of the error. */
  readonly ping: string;
}
