/** Suggests names that resemble a mistyped one. */
import { distance } from '../../common/edit-distance.js';

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
