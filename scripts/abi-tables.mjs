// Generates the tables of the device's sizes, offsets, numbers and constants from
// native/include/liteipc/hm_liteipc.h, with the parser of compare-source:
//   node scripts/abi-tables.mjs                 writes docs/abi.md
//   node scripts/abi-tables.mjs --check [FILE]  fails if the file is out of date
//   node scripts/abi-tables.mjs --asserts FILE  writes C that asserts every row of the tables
// The library must be built first: node scripts/build.mjs lib
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import prettier from 'prettier';
import { ABIS } from '../dist/compare-source/abi.js';
import { readFacts } from '../dist/compare-source/facts.js';
import { SourceText } from '../dist/compare-source/place.js';
import { Problem, main, root } from './support/run.mjs';

const HEADER = 'native/include/liteipc/hm_liteipc.h';
const TABLES = 'docs/abi.md';
const SECURITY = 'LOSCFG_SECURITY_CAPABILITY';

function valueOf(computed, what) {
  if ('value' in computed) return computed.value;
  throw new Problem(`${HEADER}: ${what}: ${computed.problem}`);
}

/** Returns the facts of the header for each ABI, with and without the security capability. */
async function readVariants() {
  const source = new SourceText(HEADER, readFileSync(join(root, HEADER), 'utf8'));
  const variants = [];
  for (const abi of ABIS) {
    for (const switches of [[], [SECURITY]]) {
      const facts = await readFacts([source], { abi, switches });
      if (facts.findings.length > 0) {
        const [{ place, message }] = facts.findings;
        throw new Problem(`${HEADER}:${place.line}:${place.column}: ${message}`);
      }
      variants.push({ abi, hasSecurity: switches.length > 0, facts });
    }
  }
  return variants;
}

/** Returns the variant of an ABI with all fields. */
const fullVariant = (variants, abi) =>
  variants.find((variant) => variant.abi === abi && variant.hasSecurity);

const plainVariant = (variants, abi) =>
  variants.find((variant) => variant.abi === abi && !variant.hasSecurity);

function table(header, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line), ''].join('\n');
}

/** Returns one value if both ABIs agree, else both. */
const joined = (values) => (new Set(values).size === 1 ? values.slice(0, 1) : values).join(' / ');

/**
 * Shows a constant as the header writes it, or else its value, in hexadecimal if it has all bits.
 */
function showConstant({ computed, spelling }, name) {
  const value = valueOf(computed, name);
  if (spelling !== undefined) return `\`${spelling}\``;
  return value.value > 0x7fffffffn ? hex(value.value) : String(value.value);
}

const hex = (value) => `\`0x${value.toString(16).toUpperCase().padStart(8, '0')}\``;

function structureTables(variants) {
  const parts = [];
  const [first] = variants;
  for (const name of first.facts.records.keys()) {
    const layouts = ABIS.map((abi) =>
      valueOf(fullVariant(variants, abi).facts.records.get(name).layout, name),
    );
    const plain = ABIS.map((abi) =>
      valueOf(plainVariant(variants, abi).facts.records.get(name).layout, name),
    );
    const rows = layouts[0].fields.map((field, index) => {
      const isOptional = !plain[0].fields.some((other) => other.name === field.name);
      const cells = layouts.flatMap(({ fields }) => [fields[index].offset, fields[index].size]);
      return [`\`${field.name}\`${isOptional ? ' ¹' : ''}`, ...cells];
    });
    const whole = layouts.flatMap(({ size }, index) =>
      ['', size === plain[index].size ? size : `${size}, without ¹ ${plain[index].size}`].map(
        String,
      ),
    );
    rows.push(['in all', ...whole]);
    rows.push(['aligned to', ...layouts.flatMap(({ alignment }) => ['', alignment])]);
    const header = ['field', ...ABIS.flatMap(({ name: abi }) => [`${abi} offset`, `${abi} bytes`])];
    parts.push(`### \`${name}\`\n`, table(header, rows));
  }
  return parts;
}

function ioctlTable(variants) {
  const names = [...variants[0].facts.ioctls.keys()];
  const rows = names.map((name) => {
    const commands = ABIS.map((abi) =>
      valueOf(fullVariant(variants, abi).facts.ioctls.get(name).command, name),
    );
    const [{ direction, number }] = commands;
    const sizes = joined(commands.map(({ size }) => size));
    return [`\`${name}\``, `\`${direction}\``, number, sizes, ...commands.map((c) => hex(c.value))];
  });
  const header = ['command', 'direction', 'number', 'argument', ...ABIS.map(({ name }) => name)];
  return table(header, rows);
}

function constantTable(variants) {
  const rows = [...variants[0].facts.constants.keys()].map((name) => [
    `\`${name}\``,
    ...ABIS.map((abi) => showConstant(fullVariant(variants, abi).facts.constants.get(name), name)),
  ]);
  return table(['constant', ...ABIS.map(({ name }) => name)], rows);
}

function enumeratorTable(variants) {
  const rows = [...variants[0].facts.enumerators].map(([name, { enumeration, value }]) => [
    `\`${enumeration}\``,
    `\`${name}\``,
    valueOf(value, name).toString(),
  ]);
  return table(['type', 'enumerator', 'value'], rows);
}

async function renderTables(variants) {
  const text = [
    '# The ABI of the device\n',
    `Generated from [\`hm_liteipc.h\`](../${HEADER}) by \`node scripts/abi-tables.mjs\`; do not edit.`,
    'A test keeps it up to date and has compilers for both ABIs assert every row.\n',
    'ILP32 is 32-bit ARM (EABI), the reference of the small system; LP64 is x86-64 and AArch64.',
    'Sizes and offsets are bytes. Every enumeration has 4 bytes.\n',
    `¹ Declared only with \`${SECURITY}\`. This implementation always delivers these fields, so that`,
    'a program without them merely does not see them.\n',
    '## Structures\n',
    ...structureTables(variants),
    '## Ioctl commands\n',
    "All have the magic `'i'`. The argument's bytes are those of what the command's pointer leads to; `_IO`",
    'commands have none.\n',
    ioctlTable(variants),
    '## Constants\n',
    constantTable(variants),
    '## Enumerators\n',
    enumeratorTable(variants),
  ].join('\n');
  const options = await prettier.resolveConfig(join(root, TABLES));
  return prettier.format(text, { ...options, parser: 'markdown' });
}

/** Returns C source with an assertion for each row, for the variant of the compiler. */
function renderAsserts(variants) {
  const lines = [
    '#include <stddef.h>',
    '#include <stdint.h>',
    '#include "liteipc/hm_liteipc.h"',
    '#define SIZE_OF(type, field) sizeof(((type *)0)->field)',
  ];
  const assert = (condition) =>
    lines.push(`_Static_assert(${condition}, ${JSON.stringify(condition)});`);
  for (const { abi, hasSecurity, facts } of variants) {
    const isWord = `UINTPTR_MAX ${abi.word === 4 ? '==' : '>'} 0xFFFFFFFFU`;
    lines.push(`#if ${isWord} && ${hasSecurity ? '' : '!'}defined(${SECURITY})`);
    lines.push(`#define CHECKED "${abi.name}"`);
    for (const [name, { layout }] of facts.records) {
      const { size, alignment, fields } = valueOf(layout, name);
      assert(`sizeof(${name}) == ${size}`);
      assert(`_Alignof(${name}) == ${alignment}`);
      for (const field of fields) {
        assert(`offsetof(${name}, ${field.name}) == ${field.offset}`);
        assert(`SIZE_OF(${name}, ${field.name}) == ${field.size}`);
      }
    }
    for (const [name, { command }] of facts.ioctls) {
      assert(`${name} == ${valueOf(command, name).value}U`);
    }
    for (const [name, { computed }] of facts.constants) {
      const value = valueOf(computed, name);
      if (typeof value === 'string') assert(`sizeof(${name}) == sizeof("${value}")`);
      else assert(`${name} == ${value.value}`);
    }
    for (const [name, { value }] of facts.enumerators) {
      assert(`${name} == ${valueOf(value, name)}`);
    }
    lines.push('#endif');
  }
  lines.push('#ifndef CHECKED', '#error "this ABI is in no table"', '#endif');
  return `${lines.join('\n')}\n`;
}

await main(async () => {
  const [mode, file] = process.argv.slice(2);
  const variants = await readVariants();
  const path = file ?? join(root, TABLES);
  if (mode === undefined) {
    writeFileSync(join(root, TABLES), await renderTables(variants));
  } else if (mode === '--check') {
    if (readFileSync(path, 'utf8') !== (await renderTables(variants))) {
      throw new Problem(`${file ?? TABLES} is out of date: run node scripts/abi-tables.mjs`);
    }
  } else if (mode === '--asserts' && file !== undefined) {
    writeFileSync(file, renderAsserts(variants));
  } else {
    throw new Problem('Usage: node scripts/abi-tables.mjs [--check [FILE] | --asserts FILE]');
  }
});
