/** A service with the methods that tests with several processes call. */
import { defineService, method, oneway, type Caller, type Contract } from 'liteipc';

/** The one-way messages that a service received. */
export interface Received {
  readonly count: number;
  /** Number of messages that arrived out of order, twice, or after a missing one. */
  readonly disorder: number;
}

/** Methods of every service. `echo` is the first, because programs in C call it by its number. */
const methods = {
  echo: method<unknown, unknown>(),
  /** Returns the caller, as stamped by the domain. */
  who: method<void, Caller>(),
  add: method<readonly [number, number], number>(),
  /** Answers after the given time, ms. */
  wait: method<number, string>(),
  /** Never answers. */
  hold: method<unknown>(),
  /** Returns the number of pending `hold` calls. */
  held: method<void, number>(),
  /** Blocks the thread for the given time, ms. */
  block: method<number>(),
  fail: method<string>(),
  /** Receives a number, which each sender counts upwards, and any data. */
  note: oneway<readonly [number, unknown]>(),
  received: method<void, Received>(),
};

/** Returns the contract of a service with this name. */
export function workService(name: string): Contract<typeof methods> {
  return defineService(name, methods);
}

/** Name of a method of these services. */
export type WorkMethod = keyof typeof methods;
