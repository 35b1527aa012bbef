/** The sensors of the streaming example. */
import { defineService, duplex, event, method, sink, stream } from 'liteipc';

export interface Reading {
  readonly room: string;
  readonly celsius: number;
}

export const Sensors = defineService('sensors', {
  /** Endless: readings of a room, as quickly as they are taken. */
  watch: stream<string, Reading>(),
  /** How many readings all streams together have made. */
  made: method<void, number>(),
  /** Takes readings and returns their mean. */
  upload: sink<Reading, { readonly count: number; readonly mean: number }>(),
  /** Gives for each value the mean of those up to it. */
  smooth: duplex<number, number>(),
  /** A reading above 30 degrees was uploaded. */
  alarm: event<Reading>(),
});
