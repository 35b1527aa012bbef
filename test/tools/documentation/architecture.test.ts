/** Checks that docs/architecture.md, the pictures and the threat model describe this repository. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { root } from '#test/support/paths.js';

const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
const { rows } = (await import(pathToFileURL(join(root, '.dependency-cruiser.js')).href)) as {
  rows: readonly (readonly string[])[];
};

/** Rooms from the program to the wire. A message passes them in this order, or in the reverse. */
const roomsOfNative = ['addon', 'device', 'kernel', 'queue', 'platform'];

/** Returns the text of a picture. */
const pictureOf = (name: string): string =>
  readFileSync(join(root, 'docs/diagrams', `${name}.svg`), 'utf8').replaceAll('&#45;', '-');

/** Returns the paths of the files in a subsection of "One call", in order. */
function filesOf(title: string): readonly string[] {
  const [, section = ''] = page.split(`### ${title}\n`);
  const [text = ''] = section.split(/^##/m);
  return [...text.matchAll(/^\d+\. \[`([^`]+)`\]\(\.\.\/([^)]+)\)/gm)].map(([, name, target]) => {
    if (name !== target) throw new Error(`${name} links to ${target}`);
    return name ?? '';
  });
}

/** Returns the height of a file's room. The rooms of `native` are below those of `lib`. */
function heightOf(file: string): number {
  const [tree, room = ''] = file.split('/');
  if (tree === 'native') return -1 - roomsOfNative.indexOf(room);
  return rows.findIndex((row) => row.includes(room));
}

const sorted = (heights: readonly number[]): readonly number[] =>
  [...heights].sort((a, b) => b - a);

for (const title of ['The caller sends', 'The service answers']) {
  test(`${title}: the files exist, and each room is below the room before it`, (t) => {
    const files = filesOf(title);
    t.true(files.length >= 10);
    t.deepEqual(
      files.filter((file) => !existsSync(join(root, file))),
      [],
    );
    const heights = files.map(heightOf);
    t.deepEqual(heights, sorted(heights));
  });
}

for (const title of ['The service runs the call', 'The caller receives']) {
  test(`${title}: the files exist, from the wire to the addon, and then down from the connection`, (t) => {
    const files = filesOf(title);
    t.true(files.length >= 10);
    t.deepEqual(
      files.filter((file) => !existsSync(join(root, file))),
      [],
    );
    const heights = files.map(heightOf);
    const native = heights.filter((height) => height < 0);
    const lib = heights.filter((height) => height >= 0);
    t.deepEqual(heights, [...native, ...lib]);
    t.deepEqual(native.toReversed(), sorted(native));
    t.deepEqual(lib, sorted(lib));
  });
}

test('a call passes each file once per direction', (t) => {
  for (const titles of [
    ['The caller sends', 'The service runs the call'],
    ['The service answers', 'The caller receives'],
  ]) {
    const files = titles.flatMap(filesOf);
    t.deepEqual(files, [...new Set(files)]);
  }
});

test('the picture of the rooms has every room, and the picture of a call every file', (t) => {
  const drawn = pictureOf('rooms');
  const folders = ['lib', 'native'].flatMap((tree) =>
    readdirSync(join(root, tree), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== 'include')
      .map(({ name }) => name),
  );
  t.deepEqual(
    folders.filter((name) => !drawn.includes(`>${name}</text>`)),
    [],
  );
  const call = pictureOf('call');
  const files = [...call.matchAll(/[\w-]+\.(?:ts|cc?)\b/g)].map(([name]) => name);
  t.true(files.length >= 30);
  t.deepEqual(
    files.filter((name) => !page.includes(`/${name}\``)),
    [],
  );
});

test('every test that the threat model names exists', (t) => {
  const model = readFileSync(join(root, 'docs/threat-model.md'), 'utf8');
  const sources = readdirSync(join(root, 'test/native'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.c'))
    .map((name) => readFileSync(join(root, 'test/native', name), 'utf8'))
    .join('\n');
  const names = [...model.matchAll(/\| `(\w+)`[^|]*\|$/gm)].map(([, name = '']) => name);
  t.true(names.length >= 15);
  t.deepEqual(
    names.filter((name) => !sources.includes(`void ${name}(`)),
    [],
  );
});
