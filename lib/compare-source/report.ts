/** Formats the comparison as text and as JSON. */
import type { Comparison, Tally } from './compare.js';
import { CATEGORIES, type Row } from './observation.js';
import { formatPlace } from './place.js';

/** A damaged text can have thousands of places. The first ones are enough. */
const DAMAGE_SHOWN_MAX = 50;

const MARKS: Readonly<Record<Row['status'], string>> = {
  same: ' ',
  different: '!',
  'only there': '+',
  'only here': '-',
};

function describe(row: Row): string {
  const there = row.there ?? '(not there)';
  const where = row.where === undefined ? '' : ` [${row.where}]`;
  if (row.status === 'same') return row.category === 'functions' ? (row.where ?? there) : there;
  const place = row.place === undefined ? '' : ` (${formatPlace(row.place)})`;
  if (row.status === 'only there') return `only there: ${there}${place}`;
  if (row.status === 'only here') return `only here: ${row.here ?? ''}${where}`;
  return `${row.changes.join('; ')}${place}${where}`;
}

function section(title: string, rows: readonly Row[], onlyDifferences: boolean): string[] {
  const shown = onlyDifferences ? rows.filter(({ status }) => status !== 'same') : rows;
  if (rows.length === 0) return [];
  const heading = `${title[0]?.toUpperCase() ?? ''}${title.slice(1)}`;
  if (shown.length === 0) return [heading, '  no difference', ''];
  const width = shown.reduce((most, { name }) => Math.max(most, Math.min(32, name.length)), 0);
  const lines = shown.map((row) =>
    `${MARKS[row.status]} ${row.name.padEnd(width)}  ${describe(row)}`.trimEnd(),
  );
  return [heading, ...lines, ''];
}

function formatTable(table: readonly Tally[]): string[] {
  const header = ['category', 'compared', 'same', 'different', 'only there', 'only here'];
  const cells = table.map(({ category, compared, same, different, onlyThere, onlyHere }) =>
    [category, compared, same, different, onlyThere, onlyHere].map(String),
  );
  const widths = header.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ');
  return [line(header), widths.map((width) => '-'.repeat(width)).join('  '), ...cells.map(line)];
}

/** Returns the report for people. `onlyDifferences` omits what is equal. */
export function formatReport(comparison: Comparison, onlyDifferences = false): string {
  const { files, rows, damage, notes, table, isSame } = comparison;
  const sections = CATEGORIES.flatMap((category) =>
    section(
      category,
      rows.filter((row) => row.category === category),
      onlyDifferences,
    ),
  );
  const lines = [`there: ${files.join(', ')}`, 'here:  this package', '', ...sections];
  if (damage.length > 0) {
    lines.push('Not understood');
    for (const { place, message } of damage.slice(0, DAMAGE_SHOWN_MAX)) {
      lines.push(`! ${formatPlace(place)}: ${message}`);
    }
    const more = damage.length - DAMAGE_SHOWN_MAX;
    if (more > 0) lines.push(`! and ${more} more places`);
    lines.push('');
  }
  if (notes.length > 0) lines.push('Notes', ...notes.map((note) => `  ${note}`), '');
  lines.push(...formatTable(table), '');
  const different = rows.filter(({ status }) => status !== 'same').length;
  const parts = [`${different} ${different === 1 ? 'difference' : 'differences'}`];
  if (damage.length > 0) {
    parts.push(`${damage.length} ${damage.length === 1 ? 'place' : 'places'} not understood`);
  }
  lines.push(isSame ? 'no difference' : parts.join(', '));
  return `${lines.join('\n')}\n`;
}

/** Returns the report as JSON. */
export function formatJson(comparison: Comparison): string {
  return `${JSON.stringify(comparison, null, 2)}\n`;
}
