/**
 * Computes medians over rounds, and ratios within a round, because the machine drifts between
 * rounds.
 */
import type { Measurement } from './execute.js';
import type { Metric, Placement } from './plan.js';

export interface Summary {
  readonly row: string;
  readonly placement: Placement;
  readonly rounds: number;
  readonly perSecond: number;
  readonly medianNs: number;
  readonly p99Ns: number;
  /** Lowest and highest median of the rounds. */
  readonly medianRangeNs: readonly [number, number];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  const high = sorted[Math.floor(middle)] ?? Number.NaN;
  return (low + high) / 2;
}

/** `Results` holds the measurements of a run and returns them by row and placement. */
export class Results {
  readonly #measurements: readonly Measurement[];

  constructor(measurements: readonly Measurement[]) {
    this.#measurements = measurements;
  }

  of(row: string, placement: Placement): readonly Measurement[] {
    return this.#measurements.filter((one) => one.row === row && one.placement === placement);
  }

  summary(row: string, placement: Placement): Summary | undefined {
    const measured = this.of(row, placement);
    if (measured.length === 0) {
      return undefined;
    }
    const medians = measured.map(({ medianNs }) => medianNs);
    return {
      row,
      placement,
      rounds: measured.length,
      perSecond: median(measured.map(({ perSecond }) => perSecond)),
      medianNs: median(medians),
      p99Ns: median(measured.map(({ p99Ns }) => p99Ns)),
      medianRangeNs: [Math.min(...medians), Math.max(...medians)],
    };
  }

  /**
   * Returns how many times better `row` is than the best of `others`. The ratio is taken in each
   * round (for times: theirs divided by ours; for rates: ours divided by theirs). The result is the
   * median over the rounds in which all rows were measured.
   */
  timesBetter(
    row: string,
    others: readonly string[],
    placement: Placement,
    metric: Metric,
  ): number | undefined {
    const ratios: number[] = [];
    for (const mine of this.of(row, placement)) {
      const theirs = others.flatMap((other) =>
        this.of(other, placement).filter(({ round }) => round === mine.round),
      );
      if (theirs.length === others.length) {
        const values = theirs.map((one) => one[metric]);
        ratios.push(
          metric === 'medianNs'
            ? Math.min(...values) / mine.medianNs
            : mine.perSecond / Math.max(...values),
        );
      }
    }
    return ratios.length === 0 ? undefined : median(ratios);
  }
}
