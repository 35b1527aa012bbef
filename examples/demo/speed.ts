/** Measures the speed of a call over any transport. */

/** The speed of a call. */
export interface Speed {
  /** Median round trip with one call at a time, microseconds. */
  readonly roundTripUs: number;
  /** Calls per second with 64 at a time. */
  readonly perSecond: number;
}

const IN_FLIGHT = 64;
const WARM_UP = 2000;

/** Calls `sum` some ten thousand times and checks every answer. */
export async function measure(
  sum: (numbers: readonly [number, number]) => Promise<number>,
  singles: number,
  many: number,
): Promise<Speed> {
  const call = async (index: number): Promise<void> => {
    const answer = await sum([index, 1]);
    if (answer !== index + 1) throw new Error(`${index} + 1 returned ${answer}`);
  };
  for (let index = 0; index < WARM_UP; index++) await call(index);

  const times = new Float64Array(singles);
  for (let index = 0; index < singles; index++) {
    const start = performance.now();
    await call(index);
    times[index] = performance.now() - start;
  }
  times.sort();

  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < many) await call(next++);
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  const seconds = (performance.now() - start) / 1000;
  return { roundTripUs: (times[singles >> 1] ?? NaN) * 1000, perSecond: many / seconds };
}
