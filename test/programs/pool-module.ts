/** The service in the workers of the pool tests. */
import { threadId } from 'node:worker_threads';
import { defineService, method, type ImplementationOf } from 'liteipc';

export const Cruncher = defineService('cruncher', {
  /** Computes for the given time, ms, and returns the worker. */
  crunch: method<number, number>(),
  thread: method<void, number>(),
  data: method<void, unknown>(),
  end: method<'exit' | 'throw'>(),
});

export default (data: unknown, worker: number): ImplementationOf<typeof Cruncher> => {
  if (data === `fail ${worker}`) throw new Error('on purpose');
  return {
    crunch: (milliseconds) => {
      const until = performance.now() + milliseconds;
      while (performance.now() < until);
      return worker;
    },
    thread: () => threadId,
    data: () => data,
    end: (how) => {
      if (how === 'exit') process.exit(3);
      setImmediate(() => {
        throw new Error('thrown on purpose');
      });
      return new Promise<void>(() => undefined);
    },
  };
};
