/** Combines what all variants show into one row for each name. */
import type { Variant } from './facts.js';
import type { Place } from './place.js';
import { describeVariants } from './variants.js';

export const CATEGORIES = [
  'constants',
  'enumerators',
  'ioctl numbers',
  'structures',
  'functions',
  'error codes',
] as const;

export type Category = (typeof CATEGORIES)[number];

export type Status = 'same' | 'different' | 'only there' | 'only here';

/** The result of one variant for one name. */
export interface Observation {
  readonly name: string;
  /** The kernel's value; `undefined` if it has none. */
  readonly there: string | undefined;
  readonly here: string | undefined;
  /** How the sides differ, if the values alone do not show it, as for a field that moved. */
  readonly change?: string | undefined;
  readonly place?: Place | undefined;
  /** Where this package has the name. */
  readonly where?: string | undefined;
}

export interface Row {
  readonly category: Category;
  readonly name: string;
  readonly status: Status;
  readonly there: string | undefined;
  readonly here: string | undefined;
  /** The changes, each with the variants that it applies to. */
  readonly changes: readonly string[];
  /** Where the kernel's text has the name. */
  readonly place: Place | undefined;
  readonly where: string | undefined;
}

interface Seen {
  readonly variant: Variant;
  readonly observation: Observation;
}

function statusOf({ there, here, change }: Observation): Status {
  if (here === undefined) return 'only there';
  if (there === undefined) return 'only here';
  return change === undefined ? 'same' : 'different';
}

/**
 * Returns values with the variants that they apply to. A value that always applies stands alone.
 */
function merge(
  seen: readonly Seen[],
  all: readonly Variant[],
  read: (observation: Observation) => string | undefined,
): string[] {
  const groups = new Map<string, Variant[]>();
  for (const { variant, observation } of seen) {
    const text = read(observation);
    if (text === undefined) continue;
    groups.set(text, [...(groups.get(text) ?? []), variant]);
  }
  return [...groups].map(([text, variants]) => {
    const words = describeVariants(variants, all);
    return words === '' ? text : `${text} (${words})`;
  });
}

const ownerOf = (name: string): string => name.replace(/\..*$/, '');

/** Collects what the variants show and builds the rows. */
export class RowCollector {
  readonly #seen = new Map<Category, Map<string, Seen[]>>();

  constructor(private readonly variants: readonly Variant[]) {}

  add(category: Category, variant: Variant, observations: Iterable<Observation>): void {
    let names = this.#seen.get(category);
    if (names === undefined) {
      names = new Map();
      this.#seen.set(category, names);
    }
    for (const observation of observations) {
      const list = names.get(observation.name);
      if (list === undefined) names.set(observation.name, [{ variant, observation }]);
      else list.push({ variant, observation });
    }
  }

  rows(): Row[] {
    return CATEGORIES.flatMap((category) => {
      // Fields that only some variants have were seen late; sort them to their structure.
      const owners = new Map<string, Row[]>();
      for (const [name, seen] of this.#seen.get(category) ?? []) {
        const row = this.#row(category, name, seen);
        const rows = owners.get(ownerOf(name));
        if (rows === undefined) owners.set(ownerOf(name), [row]);
        else rows.push(row);
      }
      return [...owners.values()].flat();
    });
  }

  #row(category: Category, name: string, seen: readonly Seen[]): Row {
    const statuses = new Set(seen.map(({ observation }) => statusOf(observation)));
    const [first] = statuses;
    const status = statuses.size === 1 && first !== undefined ? first : 'different';
    const all = this.variants;
    const join = (parts: string[]): string | undefined =>
      parts.length === 0 ? undefined : parts.join('; ');
    const firstOf = <T>(read: (observation: Observation) => T | undefined): T | undefined =>
      seen.map(({ observation }) => read(observation)).find((value) => value !== undefined);
    return {
      category,
      name,
      status,
      there: join(merge(seen, all, ({ there }) => there)),
      here: join(merge(seen, all, ({ here }) => here)),
      changes: merge(seen, all, (observation) => {
        const own = statusOf(observation);
        if (observation.change !== undefined) return observation.change;
        return own === 'same' ? undefined : own === 'only there' ? 'new there' : 'gone there';
      }),
      place: firstOf(({ place }) => place),
      where: firstOf(({ where }) => where),
    };
  }
}
