/** What the tests with worker threads call. */
import { defineService, method } from 'liteipc';

export const Counter = defineService('counter', {
  add: method<[number, number], number>(),
  /** Gives back what it gets; given 'hang', never answers. */
  echo: method<unknown, unknown>(),
});
