/** Compares structures: their fields with order, offset and size. */
import type { Facts, RecordFact } from './facts.js';
import { KERNEL_STRUCTURE_NAMES } from './kernel-facts.js';
import type { FieldLayout, RecordLayout } from './layout.js';
import type { Observation } from './observation.js';
import { DEVICE_HEADER } from './own-facts.js';

export interface StructuresOutcome {
  readonly observations: Observation[];
  /** Names of the driver's internal structures when the texts have none of them. */
  readonly left: string[];
  /** Fields that differ only in signedness, which changes no byte. */
  readonly signs: string[];
}

/** The structure that the kernel declares in its source and not in its header. */
const SOURCE_STRUCTURE = 'IpcUsedNode';

function whereOf(name: string): string {
  return KERNEL_STRUCTURE_NAMES.has(name) ? 'inside the kernel' : DEVICE_HEADER;
}

/** Compares structures. With `hasSource` false, structures of the source file are not expected. */
export function compareStructures(
  theirs: Facts,
  ours: Facts,
  hasSource: boolean,
): StructuresOutcome {
  const observations: Observation[] = [];
  const left: string[] = [];
  // A header without any internal structure leaves them all out; one of them belongs to the source.
  const hasInternal = [...KERNEL_STRUCTURE_NAMES].some(
    (name) => name !== SOURCE_STRUCTURE && theirs.records.has(name),
  );
  for (const [name, here] of ours.records) {
    const there = theirs.records.get(name);
    const isInSource = name === SOURCE_STRUCTURE;
    if (there !== undefined) observations.push(...compareRecord(name, there, here));
    else if (KERNEL_STRUCTURE_NAMES.has(name) && !hasInternal) left.push(name);
    else if (hasSource || !isInSource) {
      observations.push({ name, there: undefined, here: extent(here), where: whereOf(name) });
    }
  }
  for (const [name, there] of theirs.records) {
    if (ours.records.has(name)) continue;
    observations.push({ name, there: extent(there), here: undefined, place: there.place });
  }
  return { observations, left, signs: signNotes(theirs, ours) };
}

function signNotes(theirs: Facts, ours: Facts): string[] {
  const notes: string[] = [];
  const fieldsOf = (fact: RecordFact | undefined): readonly FieldLayout[] =>
    fact !== undefined && 'value' in fact.layout ? fact.layout.value.fields : [];
  for (const [name, here] of ours.records) {
    for (const { name: field, kind } of fieldsOf(here)) {
      const other = fieldsOf(theirs.records.get(name)).find((each) => each.name === field);
      if (other === undefined || other.kind === kind || !isSameClass(other.kind, kind)) continue;
      notes.push(`${name}.${field} is ${other.kind} there, ${kind} here: the same bytes`);
    }
  }
  return notes;
}

function extent({ layout }: RecordFact): string {
  if ('problem' in layout) return `layout unknown: ${layout.problem}`;
  return `${layout.value.size} bytes, aligned to ${layout.value.alignment}`;
}

function position(field: FieldLayout): string {
  if (field.bits !== undefined) return `bit ${field.bits.first}, ${field.bits.width} bits`;
  return `offset ${field.offset}, ${field.size} bytes`;
}

/**
 * Returns the names that must move so that the remaining names have the same order on both sides.
 */
function movedNames(there: readonly string[], here: readonly string[]): Set<string> {
  const common = here.filter((name) => there.includes(name));
  const places = common.map((name) => there.indexOf(name));
  // Computes the longest increasing subsequence. Structures have few fields, so O(n²) is enough.
  const best: number[][] = [];
  places.forEach((place, index) => {
    let longest: number[] = [];
    for (let before = 0; before < index; before += 1) {
      const chain = best[before] ?? [];
      if ((places[before] ?? 0) < place && chain.length > longest.length) longest = chain;
    }
    best.push([...longest, index]);
  });
  const stay = best.reduce<number[]>((a, b) => (b.length > a.length ? b : a), []);
  return new Set(common.filter((_, index) => !stay.includes(index)));
}

function predecessor(names: readonly string[], name: string): string {
  const before = names[names.indexOf(name) - 1];
  return before === undefined ? 'first' : `after ${before}`;
}

/** Returns fields with the same offset and kind but different names. */
function renamedFields(there: RecordLayout, here: RecordLayout): Map<string, string> {
  const theirNames = new Set(there.fields.map(({ name }) => name));
  const ourNames = new Set(here.fields.map(({ name }) => name));
  const pairs = new Map<string, string>();
  for (const field of here.fields) {
    if (theirNames.has(field.name)) continue;
    const match = there.fields.find(
      (other) =>
        !ourNames.has(other.name) &&
        position(other) === position(field) &&
        isSameClass(other.kind, field.kind) &&
        ![...pairs.values()].includes(other.name),
    );
    if (match !== undefined) pairs.set(field.name, match.name);
  }
  return pairs;
}

const NUMBERS: ReadonlySet<string> = new Set(['signed', 'unsigned', 'enumeration']);

/** Returns whether two kinds of value have the same representation in memory. */
function isSameClass(a: FieldLayout['kind'], b: FieldLayout['kind']): boolean {
  return a === b || (NUMBERS.has(a) && NUMBERS.has(b));
}

function fieldChange(
  there: FieldLayout,
  here: FieldLayout,
  moved: ReadonlySet<string>,
  order: { there: readonly string[]; here: readonly string[] },
): string | undefined {
  const changes: string[] = [];
  const { name } = here;
  if (there.name !== name) changes.push(`renamed to ${there.name}`);
  if (moved.has(name)) {
    const before = predecessor(order.here, name);
    changes.push(`moved: ${predecessor(order.there, name)} there, ${before} here`);
  }
  if (there.size !== here.size) {
    const word = there.size > here.size ? 'widened' : 'narrowed';
    changes.push(`${word}: ${there.size} bytes there, ${here.size} here`);
  }
  if (!isSameClass(there.kind, here.kind)) changes.push(`${there.kind} there, ${here.kind} here`);
  if (there.offset !== here.offset) {
    changes.push(`offset ${there.offset} there, ${here.offset} here`);
  } else if (there.bits?.first !== here.bits?.first || there.bits?.width !== here.bits?.width) {
    changes.push(`${position(there)} there, ${position(here)} here`);
  }
  return changes.length === 0 ? undefined : changes.join(', ');
}

function compareRecord(name: string, there: RecordFact, here: RecordFact): Observation[] {
  const where = whereOf(name);
  const theirExtent = extent(there);
  const ourExtent = extent(here);
  const isSame = theirExtent === ourExtent && 'value' in there.layout;
  const whole: Observation = {
    name,
    there: theirExtent,
    here: ourExtent,
    change: isSame ? undefined : `${theirExtent} there, ${ourExtent} here`,
    place: there.place,
    where,
  };
  const fields =
    'value' in there.layout && 'value' in here.layout
      ? compareFields(name, there.layout.value, here.layout.value)
      : compareNames(name, there, here);
  return [whole, ...fields];
}

function compareFields(record: string, there: RecordLayout, here: RecordLayout): Observation[] {
  const where = whereOf(record);
  const order = {
    there: there.fields.map(({ name }) => name),
    here: here.fields.map(({ name }) => name),
  };
  const moved = movedNames(order.there, order.here);
  const renamed = renamedFields(there, here);
  const observations = here.fields.map((field): Observation => {
    const theirName = renamed.get(field.name) ?? field.name;
    const other = there.fields.find((each) => each.name === theirName);
    const name = `${record}.${field.name}`;
    if (other === undefined) return { name, there: undefined, here: position(field), where };
    return {
      name,
      there: position(other),
      here: position(field),
      change: fieldChange(other, field, moved, order),
      place: other.declaration.place,
      where,
    };
  });
  const newNames = new Set(renamed.values());
  for (const field of there.fields) {
    if (order.here.includes(field.name) || newNames.has(field.name)) continue;
    observations.push({
      name: `${record}.${field.name}`,
      there: `${position(field)}, ${predecessor(order.there, field.name)}`,
      here: undefined,
      place: field.declaration.place,
    });
  }
  return observations;
}

/** Compares the names of fields when a layout cannot be computed. */
function compareNames(record: string, there: RecordFact, here: RecordFact): Observation[] {
  const gone = here.names.filter((field) => !there.names.includes(field));
  const added = there.names.filter((field) => !here.names.includes(field));
  return [
    ...gone.map((field) => ({ name: `${record}.${field}`, there: undefined, here: 'a field' })),
    ...added.map((field) => ({ name: `${record}.${field}`, there: 'a field', here: undefined })),
  ];
}
