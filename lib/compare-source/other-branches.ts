/**
 * Reports branches that the kernel's own `USE_…` macros disable, such as handles that are not task
 * IDs. A note states what would change if one of these macros had the other value.
 */
import { readFacts, type Facts, type SyntaxCache, type Variant } from './facts.js';
import type { SourceText } from './place.js';

const CHOICES_MAX = 8;

function describeRecords(now: Facts, then: Facts): string[] {
  const changes: string[] = [];
  for (const [name, { names }] of now.records) {
    const others = then.records.get(name)?.names;
    if (others === undefined) {
      changes.push(`no ${name}`);
      continue;
    }
    const lost = names.filter((field) => !others.includes(field));
    const gained = others.filter((field) => !names.includes(field));
    if (lost.length > 0) changes.push(`${name} without ${lost.join(', ')}`);
    if (gained.length > 0) changes.push(`${name} with ${gained.join(', ')}`);
  }
  const added = [...then.records.keys()].filter((name) => !now.records.has(name));
  return [...changes, ...added.map((name) => `a structure ${name}`)];
}

function describeFunctions(now: Facts, then: Facts): string[] {
  const changes: string[] = [];
  const codes = (facts: Facts, name: string): string =>
    [...new Set(facts.functions.get(name)?.codes.map(({ code }) => code))].sort().join(' ');
  for (const { name, body } of now.functions.values()) {
    if (body === 'none') continue;
    if (!then.functions.has(name)) changes.push(`no ${name}`);
    else if (codes(now, name) !== codes(then, name)) {
      changes.push(`${name} gives ${codes(then, name) || 'no error code'}`);
    }
  }
  const added = [...then.functions.values()].filter(
    ({ name, body }) => body !== 'none' && !now.functions.has(name),
  );
  return [...changes, ...added.map(({ name }) => `a function ${name}`)];
}

/** Returns one note for each choice in the texts. */
export async function otherBranches(
  sources: readonly SourceText[],
  variant: Variant,
  cache: SyntaxCache,
): Promise<string[]> {
  const now = await readFacts(sources, variant, cache);
  const notes: string[] = [];
  const choices = [...now.constants].filter(([name]) => /^USE_[A-Z0-9_]+$/.test(name));
  for (const [name, { computed }] of choices.slice(0, CHOICES_MAX)) {
    if ('problem' in computed || typeof computed.value === 'string') continue;
    const chosen = computed.value.value;
    const other = chosen === 0n ? '1' : '0';
    const then = await readFacts(sources, { ...variant, overrides: { [name]: other } }, cache);
    const changes = [...describeRecords(now, then), ...describeFunctions(now, then)];
    const change = changes.length === 0 ? 'the same interface' : changes.join('; ');
    notes.push(`the other branch of ${name} (${other} instead of ${chosen}): ${change}`);
  }
  return notes;
}
