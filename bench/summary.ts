/** Medians over rounds, and ratios taken within a round: the machine drifts between rounds. */
import type { Measurement } from './execute.js';
import type { Metric, Placement } from './plan.js';

export interface Summary {
  readonly row: string;
  readonly placement: Placement;
  readonly rounds: number;
  readonly perSecond: number;
  readonly medianNs: number;
  readonly p99Ns: number;
  /** The lowest and highest median among the rounds. */
  readonly medianRangeNs: readonly [number, number];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  const high = sorted[Math.floor(middle)] ?? Number.NaN;
  return (low + high) / 2;
}

/** The measurements of a run, asked by row and placement. */
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
   * How many times better `row` is than the best of `others`, round by round: of times theirs
   * divided by ours, of rates ours by theirs. The median of the rounds in which all were measured.
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
