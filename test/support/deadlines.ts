/**
 * Time limits of tests. A limit is given for a quiet machine; the environment variable
 * LITEIPC_TEST_TIME_FACTOR multiplies every limit.
 */
import { setTimeout as sleep } from 'node:timers/promises';

const factor = Number(process.env['LITEIPC_TEST_TIME_FACTOR'] ?? 6);

/** Returns a limit for this machine, ms. */
export const scaled = (milliseconds: number): number => milliseconds * factor;

/** Settles as `promise` does, or fails with what `diagnose` returns after `limitMs`, scaled. */
export async function within<T>(
  promise: Promise<T>,
  limitMs: number,
  diagnose: () => string,
): Promise<T> {
  const ended = new AbortController();
  const late = sleep(scaled(limitMs), undefined, { signal: ended.signal }).then(() => {
    throw new Error(`not within ${scaled(limitMs)} ms: ${diagnose()}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    late.catch(() => undefined);
    ended.abort();
  }
}

/** Waits until a condition holds, or fails with what `describe` returns after `limitMs`, scaled. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  describe: () => string = () => String(condition),
  limitMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + scaled(limitMs);
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new Error(`not within ${scaled(limitMs)} ms: ${describe()}`);
    }
    await sleep(2);
  }
}

/** Returns true if the promise is still pending after a while. */
export async function isPending(promise: Promise<unknown>, milliseconds = 50): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, sleep(milliseconds, pending)])) === pending;
}
