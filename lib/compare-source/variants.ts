/** Chooses the configurations under which texts are compared, and describes a subset of them. */
import { ABIS } from './abi.js';
import type { Variant } from './facts.js';

/** The switch that decides whether messages carry the sender's user and group. */
export const SECURITY = 'LOSCFG_SECURITY_CAPABILITY';

/** With more switches than this, only "none", "all" and the security switch are compared. */
const SWITCHES_MAX = 12;

/** Returns the variants for each ABI: no switch, each switch alone, all switches together. */
export function makeVariants(switches: Iterable<string>): Variant[] {
  const names = [...new Set([SECURITY, ...switches])];
  const single = names.length > SWITCHES_MAX ? [SECURITY] : names;
  const sets = [[], ...single.map((name) => [name])];
  if (names.length > 1) sets.push(names);
  return ABIS.flatMap((abi) => sets.map((chosen) => ({ abi, switches: chosen })));
}

const setName = ({ switches }: Variant): string => switches.join('+');

/** Describes a subset of all variants in words. The text is empty for all of them. */
export function describeVariants(subset: readonly Variant[], all: readonly Variant[]): string {
  const distinct = (list: readonly Variant[], name: (variant: Variant) => string): Set<string> =>
    new Set(list.map(name));
  const abis = distinct(subset, ({ abi }) => abi.name);
  const sets = distinct(subset, setName);
  const isProduct = abis.size * sets.size === subset.length;
  if (!isProduct) {
    return [...abis]
      .map((name) => {
        const part = subset.filter(({ abi }) => abi.name === name);
        const whole = all.filter(({ abi }) => abi.name === name);
        return [name, describeVariants(part, whole)].filter((text) => text !== '').join(' ');
      })
      .join(', ');
  }
  const allAbis = distinct(all, ({ abi }) => abi.name);
  const words: string[] = abis.size === allAbis.size ? [] : [...abis];
  const allSets = all.filter(({ abi }) => abi === all[0]?.abi);
  if (sets.size < allSets.length) words.push(describeSets(sets, allSets));
  return words.join(' ');
}

function describeSets(sets: ReadonlySet<string>, all: readonly Variant[]): string {
  const switches = new Set(all.flatMap((variant) => variant.switches));
  for (const name of switches) {
    const having = all.filter((variant) => variant.switches.includes(name)).map(setName);
    const lacking = all.filter((variant) => !variant.switches.includes(name)).map(setName);
    const is = (list: readonly string[]): boolean =>
      list.length === sets.size && list.every((each) => sets.has(each));
    if (is(having)) return `with ${name}`;
    if (is(lacking)) return `without ${name}`;
  }
  return [...sets].map((name) => (name === '' ? 'with no switch' : `with ${name}`)).join(' or ');
}
