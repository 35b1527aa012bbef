/** Compares constants, enumerators and ioctl numbers. */
import type { ConstantValue } from './expression.js';
import type { Computed, EnumeratorFact, Facts, IoctlFact } from './facts.js';
import type { IoctlCommand } from './ioctl.js';
import {
  DRIVER_CONSTANTS,
  OWN_CONSTANTS,
  RENAMED_CONSTANTS,
  SOURCE_CONSTANTS,
} from './kernel-facts.js';
import type { Observation } from './observation.js';
import { DEVICE_HEADER, type OwnFacts } from './own-facts.js';
import type { Place } from './place.js';
import { pairRenamed } from './similarity.js';

/** A constant that the kernel is expected to have. */
interface ExpectedConstant {
  /** The kernel's names for the constant; the usual name comes first. */
  readonly names: readonly string[];
  readonly value: bigint | string | undefined;
  readonly where: string;
  readonly inHeader: boolean;
  /**
   * Group of a constant that is internal to the driver. A group that is missing entirely is left
   * out.
   */
  readonly group: 'limits' | 'memory and time' | undefined;
  /** True if nothing here depends on the name: it may be missing, but it must not differ. */
  readonly isOptional: boolean;
}

const RENAMED_AT_LEAST = 0.5;

function plain(value: ConstantValue): bigint | string {
  return typeof value === 'string' ? value : value.value;
}

function show(value: bigint | string): string {
  return typeof value === 'string' ? JSON.stringify(value) : value.toString();
}

/** -1 and 0xFFFFFFFF are the same ID, because IDs are unsigned 32-bit numbers. */
function isEqual(a: bigint | string, b: bigint | string): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b;
  const isMinusOne = (value: bigint): boolean => value === -1n || value === 0xffffffffn;
  return a === b || (isMinusOne(a) && isMinusOne(b));
}

function expectedConstants(ours: Facts, own: OwnFacts): ExpectedConstant[] {
  const fromHeader = [...ours.constants]
    .filter(([, { place }]) => place.file === DEVICE_HEADER)
    .map(([name, { computed }]): ExpectedConstant => ({
      names: RENAMED_CONSTANTS[name] ?? [name],
      value: 'value' in computed ? plain(computed.value) : undefined,
      where: `${DEVICE_HEADER}${RENAMED_CONSTANTS[name] === undefined ? '' : `, ${name}`}`,
      inHeader: !SOURCE_CONSTANTS.has(name),
      group: SOURCE_CONSTANTS.has(name) ? 'limits' : undefined,
      isOptional: OWN_CONSTANTS.has(name),
    }));
  const fromDriver = DRIVER_CONSTANTS.map((constant): ExpectedConstant => ({
    names: [constant.name],
    value: own.driverConstant(constant),
    where: constant.here === undefined ? 'known, not needed here' : constant.here.file,
    inHeader: constant.inHeader === true,
    group: constant.inHeader === true ? undefined : 'memory and time',
    isOptional: constant.here === undefined || constant.inHeader === true,
  }));
  return [...fromHeader, ...fromDriver];
}

export interface ConstantsOutcome {
  readonly observations: Observation[];
  /** Names of internal constants that are missing and not expected. */
  readonly left: string[];
}

/** Compares constants. With `hasSource` false, constants of the source file are not expected. */
export function compareConstants(
  theirs: Facts,
  ours: Facts,
  own: OwnFacts,
  hasSource: boolean,
): ConstantsOutcome {
  const wanted = expectedConstants(ours, own);
  const found = (constant: ExpectedConstant): string | undefined =>
    constant.names.find((name) => theirs.constants.has(name));
  const groups = new Set(
    wanted
      .filter((each) => !each.isOptional && found(each) !== undefined)
      .map(({ group }) => group),
  );
  const isLeftOut = ({ group }: ExpectedConstant): boolean =>
    group !== undefined && !groups.has(group);
  const left: string[] = [];
  const observations: Observation[] = [];
  const gone = new Map<string, ExpectedConstant>();
  const known = new Set(wanted.flatMap(({ names }) => names));
  for (const expected of wanted) {
    const name = found(expected);
    const usual = expected.names[0] ?? '';
    if (name !== undefined) observations.push(compareConstant(name, expected, theirs));
    else if (OWN_CONSTANTS.has(usual)) continue;
    else if (expected.isOptional || isLeftOut(expected)) left.push(usual);
    else if (hasSource || expected.inHeader) gone.set(usual, expected);
  }
  const added = [...theirs.constants.keys()].filter(
    (name) => !known.has(name) && !/_H_*$/.test(name),
  );
  const renamed = pairRenamed([...gone.keys()], added, RENAMED_AT_LEAST, (before, after) => {
    const value = valueOf(theirs, after);
    const expected = gone.get(before)?.value;
    return value !== undefined && expected !== undefined && isEqual(value, expected);
  });
  for (const [usual, expected] of gone) {
    const after = renamed.get(usual);
    if (after === undefined) {
      const here = expected.value === undefined ? '' : show(expected.value);
      observations.push({ name: usual, there: undefined, here, where: expected.where });
    } else {
      const change = `renamed to ${after}`;
      observations.push({ ...compareConstant(after, expected, theirs), name: usual, change });
    }
  }
  const newNames = new Set(renamed.values());
  for (const name of added.filter((each) => !newNames.has(each))) {
    const value = valueOf(theirs, name);
    const { place } = theirs.constants.get(name) ?? {};
    const there = value === undefined ? 'a value that this text does not contain' : show(value);
    observations.push({ name, there, here: undefined, place });
  }
  return { observations, left };
}

function valueOf(facts: Facts, name: string): bigint | string | undefined {
  const computed = facts.constants.get(name)?.computed;
  return computed !== undefined && 'value' in computed ? plain(computed.value) : undefined;
}

function compareConstant(name: string, expected: ExpectedConstant, theirs: Facts): Observation {
  const fact = theirs.constants.get(name);
  const { where } = expected;
  const here = expected.value === undefined ? 'nothing that can be computed' : show(expected.value);
  if (fact === undefined) return { name, there: undefined, here, where };
  const { computed, place } = fact;
  if ('problem' in computed) {
    const there = `not computable: ${computed.problem}`;
    return { name, there, here, change: there, place, where };
  }
  const value = plain(computed.value);
  const isSame = expected.value !== undefined && isEqual(value, expected.value);
  const there = show(value);
  const change = isSame ? undefined : `re-valued: ${there} there, ${here} here`;
  return { name, there, here: isSame ? there : here, change, place, where };
}

function showComputed(value: Computed<bigint>): string {
  return 'value' in value ? value.value.toString() : `not computable: ${value.problem}`;
}

/** States how to compare facts of one category. */
interface FactRules<Fact> {
  /** Returns true if facts with different names mean the same. */
  readonly isSame: (there: Fact, here: Fact) => boolean;
  readonly show: (fact: Fact) => string;
  readonly showNew: (fact: Fact) => string;
  readonly where: (here: Fact) => string;
  readonly changes: (there: Fact, here: Fact) => readonly string[];
}

/** Compares facts by name. A missing fact and a new fact that mean the same count as renamed. */
function compareByName<Fact extends { readonly place: Place }>(
  theirs: ReadonlyMap<string, Fact>,
  ours: ReadonlyMap<string, Fact>,
  { isSame, show: describe, showNew, where: whereOf, changes: changesOf }: FactRules<Fact>,
): Observation[] {
  const added = [...theirs.keys()].filter((name) => !ours.has(name));
  const gone = [...ours.keys()].filter((name) => !theirs.has(name));
  const renamed = pairRenamed(gone, added, 0, (before, after) => {
    const here = ours.get(before);
    const there = theirs.get(after);
    return here !== undefined && there !== undefined && isSame(there, here);
  });
  const observations = [...ours].map(([name, ourFact]): Observation => {
    const theirName = renamed.get(name) ?? name;
    const fact = theirs.get(theirName);
    const here = describe(ourFact);
    const where = whereOf(ourFact);
    if (fact === undefined) return { name, there: undefined, here, where };
    const changes = theirName === name ? [] : [`renamed to ${theirName}`];
    changes.push(...changesOf(fact, ourFact));
    const change = changes.length === 0 ? undefined : changes.join('; ');
    return { name, there: describe(fact), here, change, place: fact.place, where };
  });
  const newNames = new Set(renamed.values());
  for (const [name, fact] of theirs) {
    if (ours.has(name) || newNames.has(name)) continue;
    observations.push({ name, there: showNew(fact), here: undefined, place: fact.place });
  }
  return observations;
}

/** Compares enumerators: their values and the type that they belong to. */
export function compareEnumerators(theirs: Facts, ours: Facts): Observation[] {
  const show = ({ value }: EnumeratorFact): string => showComputed(value);
  return compareByName(theirs.enumerators, ours.enumerators, {
    isSame: (there, here) => there.enumeration === here.enumeration && show(there) === show(here),
    show,
    showNew: (fact) => `${show(fact)} in ${fact.enumeration}`,
    where: ({ enumeration }) => `${DEVICE_HEADER}, ${enumeration}`,
    changes: (there, here) => [
      ...(show(there) === show(here)
        ? []
        : [`re-valued: ${show(there)} there, ${show(here)} here`]),
      ...(there.enumeration === here.enumeration
        ? []
        : [`moved from ${here.enumeration} to ${there.enumeration}`]),
    ],
  });
}

function hex(value: number): string {
  return `0x${value.toString(16).toUpperCase()}`;
}

function showCommand({ command }: IoctlFact): string {
  if ('problem' in command) return `not computable: ${command.problem}`;
  return hex(command.value.value);
}

/** Returns the parts of a command's number that differ. */
function commandChanges(there: IoctlCommand, here: IoctlCommand): string {
  const parts = [
    ['direction', there.direction, here.direction],
    ['magic', hex(there.magic), hex(here.magic)],
    ['number', there.number, here.number],
    ['argument of', there.size, here.size],
  ] as const;
  return parts
    .filter(([, theirs, ours]) => theirs !== ours)
    .map(([part, theirs, ours]) => {
      const unit = part === 'argument of' ? ' bytes' : '';
      return `${part} ${theirs}${unit} there, ${ours} here`;
    })
    .join(', ');
}

/** Compares the numbers of ioctl commands, and reports which part of a number differs. */
export function compareIoctls(theirs: Facts, ours: Facts): Observation[] {
  return compareByName(theirs.ioctls, ours.ioctls, {
    isSame: (there, here) => showCommand(there) === showCommand(here),
    show: showCommand,
    showNew: showCommand,
    where: () => DEVICE_HEADER,
    changes: (there, here) => {
      if (showCommand(there) === showCommand(here)) return [];
      if ('problem' in there.command || 'problem' in here.command) return [showCommand(there)];
      return [commandChanges(there.command.value, here.command.value)];
    },
  });
}
