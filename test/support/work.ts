/** The service that the tests with several processes call: everything that can happen to a call. */
import { defineService, method, oneway, type Caller, type Contract } from 'liteipc';

/** What a service of this kind has been told by one-way messages. */
export interface Told {
  readonly count: number;
  /** Numbers that came in another order than they were sent, or twice, or were missing. */
  readonly disorder: number;
}

/**
 * Methods of every service of the tests. `echo` is the first: programs in C call it by its number.
 */
const methods = {
  echo: method<unknown, unknown>(),
  /** Who calls, as stamped by the domain. */
  who: method<void, Caller>(),
  add: method<readonly [number, number], number>(),
  /** Answers after so many ms. */
  wait: method<number, string>(),
  /** Never answers. */
  hold: method<unknown>(),
  /** How many calls are being held. */
  held: method<void, number>(),
  /** Stops the whole thread for so many ms. */
  block: method<number>(),
  fail: method<string>(),
  /** A number, counted upwards by each sender, and any ballast. */
  note: oneway<readonly [number, unknown]>(),
  told: method<void, Told>(),
};

/** A service of the tests by this name. */
export function workService(name: string): Contract<typeof methods> {
  return defineService(name, methods);
}

/** Name of a method of these services. */
export type WorkMethod = keyof typeof methods;
