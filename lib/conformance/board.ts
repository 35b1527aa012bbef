/**
 * Writes a folder of plain C with the engine and scenarios compiled in. The folder is built with a
 * board's own compiler; it needs POSIX and /dev/lite_ipc, and nothing of this package.
 */
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Scenario, Target } from './scenario.js';
import { skipReason } from './run.js';
import { compileTable } from './table.js';

const packageRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const nativeFolder = join(packageRoot, 'native');

const program = 'liteipc-conformance-board';

/** Source lists of the engine, the device driver and the board program. */
const sourceKeys = ['conformance', 'conformanceDevice', 'conformanceBoard'] as const;
/** Reads a table from standard input, which a board does not do. */
const excluded: ReadonlySet<string> = new Set(['native/conformance/device_main.c']);
const headers = ['native/include/liteipc/hm_liteipc.h'];

/** Returns the sources below `native/` with their paths in the folder. */
function findSources(): { readonly c: readonly string[]; readonly h: readonly string[] } {
  const text = readFileSync(join(nativeFolder, 'sources.json'), 'utf8');
  const keys = JSON.parse(text) as Record<(typeof sourceKeys)[number], readonly string[]>;
  const inFolder = (file: string): string => relative('native', file);
  const c = sourceKeys.flatMap((key) => keys[key]).filter((file) => !excluded.has(file));
  const engineHeaders = readdirSync(join(nativeFolder, 'conformance'))
    .filter((name) => name.endsWith('.h') && name !== 'embedded.h')
    .map((name) => `native/conformance/${name}`);
  return { c: c.map(inFolder), h: [...engineHeaders, ...headers].map(inFolder).sort() };
}

const wordsPerLine = 8;

function formatWords(words: Uint32Array): string {
  const texts = Array.from(words, (word) => `0x${word.toString(16)}u`);
  const lines: string[] = [];
  for (let start = 0; start < texts.length; start += wordsPerLine) {
    lines.push(`    ${texts.slice(start, start + wordsPerLine).join(', ')},`);
  }
  return lines.join('\n');
}

/**
 * Returns a C string literal, without escapes that a following character could lengthen and without
 * trigraphs.
 */
const quote = (text: string): string =>
  `"${text.replace(/[^ !#-[\]-~]|\?/g, (character) =>
    [...new TextEncoder().encode(character)]
      .map((byte) => `\\${byte.toString(8).padStart(3, '0')}`)
      .join(''),
  )}"`;

function formatTables(scenarios: readonly Scenario[], target: Target): string {
  const tables = scenarios.map((scenario) =>
    compileTable(scenario, scenario.skip ? skipReason(scenario, target) : undefined),
  );
  const arrays = tables.map(
    (words, index) => `static const uint32_t TABLE_${index}[] = {\n${formatWords(words)}\n};\n`,
  );
  const entries = scenarios.map(
    ({ name }, index) =>
      `    {${quote(name)}, TABLE_${index}, sizeof(TABLE_${index}) / sizeof(TABLE_${index}[0])},`,
  );
  return `/* ${scenarios.length} scenarios for the target "${target}", as conformance/table.h describes them. */
#include "conformance/board.h"

${arrays.join('\n')}
const struct BoardTable BOARD_TABLES[] = {
${entries.join('\n')}
};
const size_t BOARD_TABLE_COUNT = sizeof(BOARD_TABLES) / sizeof(BOARD_TABLES[0]);
`;
}

function formatMakefile(sources: readonly string[]): string {
  return `# make CC=arm-linux-gnueabi-gcc, or clang with --target and --sysroot in CFLAGS
CC ?= cc
CFLAGS ?= -O2
OBJECTS = ${sources.map((file) => file.replace(/\.c$/, '.o')).join(' \\\n\t')}

${program}: $(OBJECTS)
\t$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJECTS) -lpthread

.c.o:
\t$(CC) $(CFLAGS) -std=c11 -I. -Iinclude -c -o $@ $<

clean:
\trm -f ${program} $(OBJECTS)
`;
}

function formatReadme(scenarios: readonly Scenario[], target: Target): string {
  return `# LiteIPC scenarios for a board

${scenarios.length} conformance scenarios for the target "${target}", with everything that runs them, in C11.
The program uses \`open\`, \`mmap\`, \`ioctl\` and \`close\` of the device, \`fork\`, pipes and threads.

Build it with the board's compiler, as ILP32 or LP64:

    cc -std=c11 -O2 -I. -Iinclude -o ${program} tables.c conformance/*.c -lpthread

or \`make CC=...\`. Then on the board, which must be running without a ServiceManager:

    ./${program} --list
    ./${program} [--device PATH] [NAME...]

It prints a line per scenario, then \`N passed, N failed, N skipped\`. The exit status is 0 if none failed
and none had to be left out.

- Every scenario needs a new system, and a kernel never forgets a ServiceManager: after a scenario that made
  one the others are skipped until the system is started anew. Start the board once per name of \`--list\`.
- Scenarios with exact sizes of the LP64 ABI are skipped on ILP32; the line says which step has one.
- A kernel has no gauge for the use of a pool; such steps are counted as not checked. So are calls of a
  process without a descriptor where descriptors cannot be sent from one process to another.
- A step that may block is taken to wait when it is not over after 100 ms.
`;
}

/**
 * Writes the folder, which must be empty or not exist. \`scenarios\` were read for \`target\`.
 * Scenarios that the target skips are included, and reported as skipped.
 *
 * @throws {Error} if the folder is not empty, or two scenarios have the same name
 * @throws the error of the file system
 */
export function writeBoard(folder: string, scenarios: readonly Scenario[], target: Target): void {
  const names = new Set<string>();
  for (const { name, file } of scenarios) {
    if (names.has(name)) throw new Error(`${file}: there are two scenarios "${name}"`);
    names.add(name);
  }
  if (scenarios.length === 0) throw new Error('there is no scenario for the board');
  mkdirSync(folder, { recursive: true });
  if (readdirSync(folder).length > 0) throw new Error(`${folder} is not empty`);
  const { c, h } = findSources();
  for (const file of [...c, ...h]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(join(nativeFolder, file), join(folder, file));
  }
  writeFileSync(join(folder, 'tables.c'), formatTables(scenarios, target));
  writeFileSync(join(folder, 'Makefile'), formatMakefile(['tables.c', ...c]));
  writeFileSync(join(folder, 'README.md'), formatReadme(scenarios, target));
}
