/** Finds names that were probably renamed. */

const NAME_MAX = 100;
const CANDIDATES_MAX = 500;

/** Returns 1 for equal names and 0 for names that have nothing in common. */
function similarity(a: string, b: string): number {
  const left = a.slice(0, NAME_MAX);
  const right = b.slice(0, NAME_MAX);
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      const removed = (previous[column] ?? 0) + 1;
      const added = (current[column - 1] ?? 0) + 1;
      current.push(Math.min(replaced, removed, added));
    }
    previous = current;
  }
  return 1 - (previous[right.length] ?? 0) / Math.max(left.length, right.length, 1);
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
