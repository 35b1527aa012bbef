/** Checks that docs/kernel-map.md lists every function of the kernel with its file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { whereIsFunction } from '#lib/compare-source/compare-functions.js';
import { KERNEL_FUNCTIONS } from '#lib/compare-source/kernel-facts.js';
import { readOwnFacts } from '#lib/compare-source/own-facts.js';
import { root } from '#test/support/paths.js';

const MAP = join(root, 'docs/kernel-map.md');

/** Returns the second column of the table of functions, by each function of the first. */
function readMap(): Map<string, string> {
  const rows = new Map<string, string>();
  const [, table = ''] = readFileSync(MAP, 'utf8').split('| kernel function |');
  for (const line of table.slice(0, table.indexOf('\n\n')).split('\n')) {
    const [, names, here] = /^\| (`[^|]*`) \| ([^|]*) \|/.exec(line) ?? [];
    for (const [, name = ''] of (names ?? '').matchAll(/`(\w+)`/g)) rows.set(name, here ?? '');
  }
  return rows;
}

test('every function of the kernel is in the map and in the file that the map names', async (t) => {
  const map = readMap();
  const own = await readOwnFacts();
  for (const kernel of KERNEL_FUNCTIONS) {
    const row = map.get(kernel.name);
    const where = whereIsFunction(own, kernel);
    t.not(row, undefined, `${kernel.name} is not in the map`);
    t.not(where, undefined, `${kernel.name} is not in the code`);
    const counterpart = kernel.counterpart?.name ?? where?.split(', ').at(-1) ?? '';
    const hasFile = where?.split(', ').some((file) => row?.includes(file)) === true;
    t.true(
      hasFile || row?.includes(counterpart) === true,
      `${kernel.name}: ${where ?? ''} is not in: ${row ?? ''}`,
    );
  }
});

test('every function in the map exists in the kernel', (t) => {
  const known = new Set(KERNEL_FUNCTIONS.map(({ name }) => name));
  t.deepEqual(
    [...readMap().keys()].filter((name) => !known.has(name)),
    [],
  );
});
