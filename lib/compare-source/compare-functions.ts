/** Compares functions: their existence, their location in this package, and their error codes. */
import type { FunctionDeclaration } from './declarations.js';
import type { Facts } from './facts.js';
import { KERNEL_FUNCTIONS, type KernelFunction } from './kernel-facts.js';
import type { Observation } from './observation.js';
import type { OwnFacts } from './own-facts.js';
import { formatPlace } from './place.js';
import { pairRenamed } from './similarity.js';

const RENAMED_AT_LEAST = 0.7;

/** Returns where this package has a function of the kernel, or `undefined`. */
export function whereIsFunction(own: OwnFacts, kernel: KernelFunction): string | undefined {
  const files = own.filesOf(kernel.name);
  if (files.length > 0) return files.join(', ');
  const { counterpart } = kernel;
  if (counterpart === undefined) return undefined;
  const { name, file } = counterpart;
  const exists = name.includes('.') ? own.hasField(file, name) : own.filesOf(name).includes(file);
  return exists ? `${file}, as ${name}` : undefined;
}

/** Returns whether a function counts: it has a body, or there is no source and it is declared. */
function isPresent(declared: FunctionDeclaration | undefined, hasSource: boolean): boolean {
  return declared !== undefined && (declared.body !== 'none' || !hasSource);
}

export interface FunctionsOutcome {
  readonly observations: Observation[];
  /** Names of public functions when a header without a source declares none of them. */
  readonly left: string[];
  /** Maps the kernel's names to the names in the compared texts. */
  readonly names: ReadonlyMap<string, string>;
}

export function compareFunctions(
  theirs: Facts,
  own: OwnFacts,
  hasSource: boolean,
): FunctionsOutcome {
  const announces = KERNEL_FUNCTIONS.some(({ name }) => theirs.functions.has(name));
  const isWanted = ({ isPublic }: KernelFunction): boolean => hasSource || (isPublic && announces);
  const expected = KERNEL_FUNCTIONS.filter(isWanted);
  const known = new Set(KERNEL_FUNCTIONS.map(({ name }) => name));
  // A function without a body counts as present, because its body may be damaged.
  const gone = expected.filter(({ name }) => !theirs.functions.has(name));
  const added = [...theirs.functions.values()].filter(
    (declared) => !known.has(declared.name) && isPresent(declared, hasSource),
  );
  const renamed = pairRenamed(
    gone.map(({ name }) => name),
    added.map(({ name }) => name),
    RENAMED_AT_LEAST,
  );
  const names = new Map<string, string>();
  const observations: Observation[] = [];
  for (const kernel of KERNEL_FUNCTIONS) {
    const { name } = kernel;
    const theirName = renamed.get(name) ?? name;
    const declared = theirs.functions.get(theirName);
    const where = whereIsFunction(own, kernel);
    if (declared === undefined) {
      if (isWanted(kernel)) {
        observations.push({ name, there: undefined, here: where ?? 'nowhere', where });
      }
      continue;
    }
    names.set(name, theirName);
    const change = theirName === name ? undefined : `renamed to ${theirName}`;
    const there = declared.body === 'none' ? 'declared' : 'defined';
    observations.push({ name, there, here: where, change, place: declared.place, where });
  }
  const newNames = new Set(renamed.values());
  for (const { name, place, codes } of added) {
    if (newNames.has(name)) continue;
    const list = sortedCodes(codes.map(({ code }) => code));
    const there = list.length === 0 ? 'defined' : `defined, gives ${list.join(' ')}`;
    observations.push({ name, there, here: undefined, place });
  }
  const left = announces || hasSource ? [] : KERNEL_FUNCTIONS.filter(({ isPublic }) => isPublic);
  return { observations, names, left: left.map(({ name }) => name) };
}

function sortedCodes(codes: Iterable<string>): string[] {
  return [...new Set(codes)].sort();
}

const showCodes = (codes: readonly string[]): string =>
  codes.length === 0 ? 'none' : codes.join(' ');

/**
 * Compares the error codes of each function. `all` holds the facts of every variant; a code counts
 * if any variant has it. Functions without a body, or with an empty body, are not compared.
 */
export function compareErrorCodes(
  all: readonly Facts[],
  names: ReadonlyMap<string, string>,
): { observations: Observation[]; left: string[] } {
  const observations: Observation[] = [];
  const left: string[] = [];
  for (const kernel of KERNEL_FUNCTIONS) {
    const theirName = names.get(kernel.name);
    if (theirName === undefined) continue;
    const bodies = all
      .map(({ functions }) => functions.get(theirName))
      .filter((declared) => declared?.body === 'full');
    const [first] = bodies;
    if (first === undefined) {
      if (kernel.codes.length > 0) left.push(kernel.name);
      continue;
    }
    const places = new Map(
      bodies.flatMap((declared) => declared?.codes ?? []).map(({ code, place }) => [code, place]),
    );
    const there = sortedCodes(places.keys());
    const isExpected = (code: string): boolean =>
      kernel.codes.includes(code) || kernel.optional.includes(code);
    const gone = kernel.codes.filter((code) => !places.has(code));
    const added = there.filter((code) => !isExpected(code));
    const changes = [
      ...added.map((code) => {
        const place = places.get(code);
        return `new: ${code}${place === undefined ? '' : ` at ${formatPlace(place)}`}`;
      }),
      ...gone.map((code) => `gone: ${code}`),
    ];
    const change = changes.length === 0 ? undefined : changes.join('; ');
    const usual = sortedCodes(kernel.codes);
    observations.push({
      name: kernel.name,
      there: showCodes(there),
      here: change === undefined ? showCodes(there) : showCodes(usual),
      change,
      place: first.place,
    });
  }
  return { observations, left };
}
