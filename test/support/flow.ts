/** The service that the tests of permission stream from and to. */
import { defineService, event, method, sink, stream } from 'liteipc';

export const Flow = defineService('flow', {
  /** A number each few ms, for ever. */
  ticks: stream<void, number>(),
  /** Takes what comes. */
  collect: sink<Uint8Array, number>(),
  news: event<string>(),
  ping: method<void, string>(),
});

/** What a test/programs/flow-client.ts tells. */
export interface FlowReport {
  /** Items of `ticks` and `news` that have come. */
  readonly ticks: number;
  readonly news: number;
  /** How each of its streams ended: `done` or the error's code; absent: not yet. */
  readonly ended: Readonly<Record<string, string>>;
  /** What `ping` gave when it was asked: `pong` or the error's code. */
  readonly ping: string;
}
