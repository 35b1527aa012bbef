/** Suggests names that resemble a mistyped one. */

/** Returns the number of letters to add, remove, change or swap with the next one. */
export function distance(left: string, right: string): number {
  let before: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1] ? 0 : 1;
      let best = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + same,
      );
      const isSwapped =
        row > 1 &&
        column > 1 &&
        left[row - 1] === right[column - 2] &&
        left[row - 2] === right[column - 1];
      if (isSwapped) best = Math.min(best, (before[column - 2] ?? 0) + 1);
      current.push(best);
    }
    before = last;
    last = current;
  }
  return last[right.length] ?? 0;
}

/** Longer lists are cut. */
const LISTED_MAX = 20;

/** Returns `; did you mean "buy"? It has: buy, list`, or an empty text without names. */
export function suggestion(wrong: string, names: readonly string[], intro: string): string {
  if (names.length === 0) return '';
  const lower = wrong.toLowerCase();
  const near = names
    .map((name) => ({ name, far: distance(lower, name.toLowerCase()) }))
    .filter(({ far, name }) => far <= Math.max(1, Math.floor(name.length / 3)))
    .sort((left, right) => left.far - right.far)[0];
  const listed = names.slice(0, LISTED_MAX).join(', ');
  const more = names.length > LISTED_MAX ? ` and ${names.length - LISTED_MAX} more` : '';
  const question = near === undefined ? '' : `; did you mean "${near.name}"?`;
  return `${question}${question === '' ? '; ' : ' '}${intro}: ${listed}${more}`;
}
