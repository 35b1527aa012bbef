/**
 * Checks that no private term is in a name, a comment, a message or a page. Words in names count:
 * `deathTold` contains a private term. Run it alone with
 *   npm test -- test/tools/documentation/plain-words.test.ts
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { root } from '#test/support/paths.js';

/** Private terms in all their forms, and the terms to use instead. */
const terms: Readonly<Record<string, string>> = {
  'hand hands handed handing': 'pass, transfer, send, deliver; manually',
  'attend attends attended attending': 'arm, armed, polled',
  'shelf shelves': 'idle lanes',
  lobby: 'unresolved route, pending route',
  kept: 'retained, stored, buffered, queued, pending, preserved',
  'patient patiently patience impatient impatiently': 'waits for room, waits until its deadline',
  'told tell tells telling': 'notify, report, inform, return',
  'doom dooms doomed': 'terminating, failing',
};
const insteadOf = new Map(
  Object.entries(terms).flatMap(([words, instead]) =>
    words.split(' ').map((word) => [word, instead] as const),
  ),
);
/** This file quotes the private terms. */
const ownPath = 'test/tools/documentation/plain-words.test.ts';

/** Returns a line for each private term in a text, with its position and the terms to use. */
function privateTerms(file: string, text: string): readonly string[] {
  return text.split('\n').flatMap((line, index) => {
    // `deathTold`, `DEATH_TOLD` and `death told` have the same words.
    const words = line.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g) ?? [];
    return words.flatMap((word) => {
      const instead = insteadOf.get(word.toLowerCase());
      return instead === undefined ? [] : [`${file}:${index + 1}: ${word}; use ${instead}`];
    });
  });
}

test('private terms are found in prose and in names, and other words are not', (t) => {
  const found = (text: string): number => privateTerms('x.ts', text).length;
  for (const text of [
    'nobody is told',
    'route.deathTold',
    'DEATH_TOLD',
    'keptRequest',
    'By hand',
  ]) {
    t.is(found(text), 1, text);
  }
  for (const text of ['handle', 'handler', 'attention', 'untold', 'HANDLE_NOT_USED', 'LITEIPC']) {
    t.is(found(text), 0, text);
  }
});

test('no private term is in a name, a comment, a message or a page', (t) => {
  const folders = ['lib', 'native', 'types', 'test', 'bench', 'docs', 'examples', 'scripts'];
  const paths = [...folders, '.ci', '.github', '*.md', '*.js', '*.json', '*.txt'];
  const files = execFileSync('git', ['ls-files', ...paths], { cwd: root })
    .toString()
    .trimEnd()
    .split('\n')
    .filter((file) => !/package-lock\.json$|\.svg$/.test(file) && file !== ownPath);
  t.true(files.length > 500);
  const found = files.flatMap((file) => privateTerms(file, readFileSync(join(root, file), 'utf8')));
  t.is(found.length, 0, `\n${found.join('\n')}`);
});
