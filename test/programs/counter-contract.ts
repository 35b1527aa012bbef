/** The service that tests with worker threads call. */
import { defineService, method } from 'liteipc';

export const Counter = defineService('counter', {
  add: method<[number, number], number>(),
  /** Returns its input; for 'hang' it never answers. */
  echo: method<unknown, unknown>(),
});
