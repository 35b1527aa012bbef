/** Compares texts of a test with this package, and reads the result. */
import { compareWithKernel, type Comparison } from '#lib/compare-source/compare.js';
import type { Category, Row } from '#lib/compare-source/observation.js';
import { readOwnFacts, type OwnFacts } from '#lib/compare-source/own-facts.js';
import { SourceText } from '#lib/compare-source/place.js';
import { HEADER, SOURCE } from './kernel-text.js';

let own: Promise<OwnFacts> | undefined;

async function compare(header: string, source: string | undefined): Promise<Comparison> {
  own ??= readOwnFacts();
  const sources = {
    header: new SourceText('hm_liteipc.h', header),
    source: source === undefined ? undefined : new SourceText('hm_liteipc.c', source),
  };
  return compareWithKernel(sources, await own);
}

export const compareTexts = (header = HEADER, source = SOURCE): Promise<Comparison> =>
  compare(header, source);

export const compareHeader = (header: string): Promise<Comparison> => compare(header, undefined);

/** Returns the rows that differ, as `category: name: change`. */
export function differences({ rows }: Comparison): string[] {
  return rows
    .filter(({ status }) => status !== 'same')
    .map((row) => {
      const what = row.status === 'different' ? row.changes.join('; ') : row.status;
      return `${row.category}: ${row.name}: ${what}`;
    });
}

export function rowOf(comparison: Comparison, category: Category, name: string): Row {
  const row = comparison.rows.find((each) => each.category === category && each.name === name);
  if (row === undefined) throw new Error(`no row ${category}: ${name}`);
  return row;
}
