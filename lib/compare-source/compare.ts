/** Compares the kernel's LiteIPC with this package. */
import { ILP32 } from './abi.js';
import { compareErrorCodes, compareFunctions } from './compare-functions.js';
import { compareStructures } from './compare-structures.js';
import { compareConstants, compareEnumerators, compareIoctls } from './compare-values.js';
import { UsageError } from '../common/usage-error.js';
import { readFacts, type Facts, type SyntaxCache, type Variant } from './facts.js';
import { CATEGORIES, RowCollector, type Category, type Row } from './observation.js';
import { readOwnFacts, type OwnFacts } from './own-facts.js';
import { formatPlace, type Finding } from './place.js';
import type { KernelSources } from './sources.js';
import { otherBranches } from './other-branches.js';
import { SECURITY, makeVariants } from './variants.js';

/** One line of the summary table. */
export interface Tally {
  readonly category: Category;
  /** Number of names that either side has; the sum of the counts below. */
  readonly compared: number;
  readonly same: number;
  readonly different: number;
  readonly onlyThere: number;
  readonly onlyHere: number;
}

export interface Comparison {
  readonly files: readonly string[];
  readonly rows: readonly Row[];
  /** Places that could not be parsed. Each counts as a difference. */
  readonly damage: readonly Finding[];
  /** Remarks that are not differences. */
  readonly notes: readonly string[];
  readonly table: readonly Tally[];
  readonly isSame: boolean;
}

/**
 * Rejects a text that is unrelated to the driver. Comparing it would only list everything it lacks.
 */
function refuseForeignText(facts: Facts, file: string): void {
  const { constants, enumerators, ioctls, records, functions } = facts;
  const found = [constants, enumerators, ioctls, records, functions];
  if (found.every(({ size }) => size === 0)) {
    throw new UsageError(`${file} is not C, or has nothing of LiteIPC: it declares nothing`);
  }
}

function uniqueFindings(all: readonly Facts[]): Finding[] {
  const byText = new Map<string, Finding>();
  for (const finding of all.flatMap(({ findings }) => findings)) {
    byText.set(`${formatPlace(finding.place)} ${finding.message}`, finding);
  }
  return [...byText.values()].sort(
    (a, b) =>
      a.place.file.localeCompare(b.place.file) ||
      a.place.line - b.place.line ||
      a.place.column - b.place.column,
  );
}

function tally(rows: readonly Row[]): Tally[] {
  return CATEGORIES.map((category) => {
    const own = rows.filter((row) => row.category === category);
    const count = (status: Row['status']): number =>
      own.filter((row) => row.status === status).length;
    return {
      category,
      compared: own.length,
      same: count('same'),
      different: count('different'),
      onlyThere: count('only there'),
      onlyHere: count('only here'),
    };
  });
}

/**
 * Compares the kernel's texts with this package, for both ABIs and every configuration. A caller
 * that compares more than once can read this package's side once ({@link readOwnFacts}) and pass
 * it.
 */
export async function compareWithKernel(
  { header, source }: KernelSources,
  ownFacts?: OwnFacts,
): Promise<Comparison> {
  const sources = source === undefined ? [header] : [header, source];
  const hasSource = source !== undefined;
  const cache: SyntaxCache = new Map();
  const plain: Variant = { abi: ILP32, switches: [] };
  const first = await readFacts(sources, plain, cache);
  for (const text of sources) refuseForeignText(await readFacts([text], plain, cache), text.file);
  const variants = makeVariants(first.switches);
  const own = ownFacts ?? (await readOwnFacts());
  const collector = new RowCollector(variants);
  const all: Facts[] = [];
  const left = new Set<string>();
  const signs = new Set<string>();
  let names = new Map<string, string>();
  for (const variant of variants) {
    const theirs = await readFacts(sources, variant, cache);
    const ours = await own.device(variant);
    all.push(theirs);
    const constants = compareConstants(theirs, ours, own, hasSource);
    const structures = compareStructures(theirs, ours, hasSource);
    const functions = compareFunctions(theirs, own, hasSource);
    for (const name of [...constants.left, ...structures.left, ...functions.left]) left.add(name);
    for (const note of structures.signs) signs.add(note);
    collector.add('constants', variant, constants.observations);
    collector.add('enumerators', variant, compareEnumerators(theirs, ours));
    collector.add('ioctl numbers', variant, compareIoctls(theirs, ours));
    collector.add('structures', variant, structures.observations);
    collector.add('functions', variant, functions.observations);
    names = new Map([...names, ...functions.names]);
  }
  const notes: string[] = [];
  if (hasSource) {
    const codes = compareErrorCodes(all, names);
    for (const variant of variants) collector.add('error codes', variant, codes.observations);
    if (codes.left.length > 0) {
      notes.push(`no body, so no error codes to compare: ${codes.left.join(', ')}`);
    }
  } else {
    notes.push(
      'no source was given: functions that the header does not announce, constants of the',
    );
    notes.push('source and error codes are not compared');
  }
  if (left.size > 0) {
    notes.push(`what the driver keeps to itself is not in these texts: ${[...left].join(', ')}`);
  }
  notes.push(...signs);
  notes.push(...(await otherBranches(sources, { abi: ILP32, switches: [SECURITY] }, cache)));
  const rows = collector.rows();
  const damage = uniqueFindings(all);
  const table = tally(rows);
  const isSame = damage.length === 0 && rows.every(({ status }) => status === 'same');
  return { files: sources.map(({ file }) => file), rows, damage, notes, table, isSame };
}
