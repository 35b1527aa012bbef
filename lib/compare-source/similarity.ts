/** Finds names that were probably renamed. */
import { distance } from '../common/edit-distance.js';

const NAME_MAX = 100;
const CANDIDATES_MAX = 500;

/** Returns 1 for equal names and 0 for names that have nothing in common. */
function similarity(a: string, b: string): number {
  const left = a.slice(0, NAME_MAX);
  const right = b.slice(0, NAME_MAX);
  return 1 - distance(left, right) / Math.max(left.length, right.length, 1);
}

/**
 * Pairs missing names with new names. The most similar pair comes first, each name is used once,
 * and no pair is below `minimum`. `fits` excludes pairs that cannot be the same thing.
 */
export function pairRenamed(
  gone: readonly string[],
  added: readonly string[],
  minimum: number,
  fits: (gone: string, added: string) => boolean = () => true,
): Map<string, string> {
  const candidates = gone
    .slice(0, CANDIDATES_MAX)
    .flatMap((before) =>
      added
        .slice(0, CANDIDATES_MAX)
        .filter((after) => fits(before, after))
        .map((after) => ({ before, after, score: similarity(before, after) })),
    )
    .filter(({ score }) => score >= minimum)
    .sort((a, b) => b.score - a.score);
  const pairs = new Map<string, string>();
  const used = new Set<string>();
  for (const { before, after } of candidates) {
    if (pairs.has(before) || used.has(after)) continue;
    pairs.set(before, after);
    used.add(after);
  }
  return pairs;
}
