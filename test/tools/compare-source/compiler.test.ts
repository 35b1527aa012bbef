/**
 * Tests that compare-source computes the layouts and values of compilers: gcc asserts random
 * structures and expressions for both ABIs.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { ILP32, LP64, type Abi } from '#lib/compare-source/abi.js';
import { evaluateInteger } from '#lib/compare-source/expression.js';
import { readFacts } from '#lib/compare-source/facts.js';
import { tokenize } from '#lib/compare-source/lexer.js';
import { SourceText } from '#lib/compare-source/place.js';
import { requireCommand, withCommands } from '#test/support/conditions.js';

interface Compiler {
  readonly compiler: string;
  readonly abi: Abi;
  readonly packages: string;
}

const COMPILERS: readonly Compiler[] = [
  { compiler: 'gcc', abi: LP64, packages: 'gcc libc6-dev' },
  {
    compiler: 'arm-linux-gnueabi-gcc',
    abi: ILP32,
    packages: 'gcc-arm-linux-gnueabi libc6-dev-armel-cross',
  },
];

const TYPES = [
  'char',
  'unsigned char',
  'short',
  'uint16_t',
  'int',
  'long unsigned int',
  'uint64_t',
  'long long',
  'size_t',
  'float',
  'double',
  'void *',
  'enum Colour',
];

let folder = '';
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), 'liteipc-layout-'));
});
test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

function compile(compiler: string, packages: string, text: string): string {
  const file = join(folder, `${compiler}.c`);
  writeFileSync(file, text);
  requireCommand(compiler, packages);
  const { stderr } = spawnSync(compiler, ['-std=gnu11', '-w', '-fsyntax-only', file], {
    encoding: 'utf8',
  });
  return stderr;
}

/** Returns a member's declaration, with `NAME` for its name. */
const member: fc.Arbitrary<string> = fc.letrec<{ any: string; record: string }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    { weight: 6, arbitrary: fc.constantFrom(...TYPES).map((type) => `${type} NAME;`) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom(...TYPES), fc.integer({ min: 1, max: 5 }))
        .map(([type, length]) => `${type} NAME[${length}][sizeof(short)];`),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(
          fc.constantFrom('unsigned int', 'uint16_t', 'unsigned char', 'uint64_t'),
          fc.integer({ min: 1, max: 8 }),
        )
        .map(([type, width]) => `${type} NAME : ${width};`),
    },
    { weight: 2, arbitrary: tie('record') },
  ),
  record: fc
    .tuple(fc.constantFrom('struct', 'union'), fc.array(tie('any'), { minLength: 1, maxLength: 4 }))
    .map(([kind, members]) => `${kind} { ${members.join(' ')} } NAME;`),
})).any;

const record = fc.tuple(
  fc.constantFrom('struct', 'struct', 'struct', 'union'),
  fc.array(member, { minLength: 1, maxLength: 8 }),
  fc.constantFrom('', '', '', '__attribute__((packed)) '),
);

function declare([kind, members, attribute]: [string, string[], string], index: number): string {
  let count = 0;
  const body = members.join(' ').replaceAll('NAME', () => `m${(count += 1)}`);
  // The parser's grammar has no attribute before the fields of a union.
  const [before, after] = kind === 'union' ? ['', attribute] : [attribute, ''];
  return `typedef ${kind} ${before}{ ${body} } ${after}T${index};`;
}

async function layoutsAgree(
  t: ExecutionContext,
  { compiler, abi, packages }: Compiler,
): Promise<void> {
  const records = fc.sample(record, { seed: 20260731, numRuns: 300 });
  const prelude = '#include <stddef.h>\n#include <stdint.h>\nenum Colour { RED };\n';
  const text = `${prelude}${records.map(declare).join('\n')}\n`;
  const facts = await readFacts([new SourceText('random.h', text)], { abi, switches: [] });
  t.deepEqual(facts.findings, []);
  t.is(facts.records.size, records.length);
  const asserts: string[] = [];
  for (const [name, { layout }] of facts.records) {
    if ('problem' in layout) {
      t.fail(`${name}: ${layout.problem}`);
      continue;
    }
    asserts.push(`_Static_assert(sizeof(${name}) == ${layout.value.size}, "size of ${name}");`);
    asserts.push(`_Static_assert(_Alignof(${name}) == ${layout.value.alignment}, "${name}");`);
    for (const field of layout.value.fields) {
      if (field.bits !== undefined) continue;
      const condition = `offsetof(${name}, ${field.name}) == ${field.offset}`;
      asserts.push(`_Static_assert(${condition}, "${name}.${field.name}");`);
    }
  }
  t.true(asserts.length > 1000);
  t.is(compile(compiler, packages, `${text}${asserts.join('\n')}\n`), '');
}

const literal = fc
  .tuple(fc.integer({ min: 0, max: 40 }), fc.constantFrom('', 'U', 'L', 'UL', 'LL', 'ull'))
  .chain(([value, suffix]) =>
    fc.constantFrom(
      `${value}${suffix}`,
      `0x${value.toString(16)}${suffix}`,
      `0${value.toString(8)}${suffix}`,
      `'a'`,
      `sizeof(long)`,
      `sizeof(char *)`,
      `0xFFFFFFFF`,
      `2147483648`,
    ),
  );

const expression = fc.letrec<{ any: string }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    literal,
    fc
      .tuple(
        tie('any'),
        fc.constantFrom('+', '&', '|', '^', '==', '!=', '<', '>', '<=', '>=', '&&', '||'),
        tie('any'),
      )
      .map(([a, operator, b]) => `${a} ${operator} ${b}`),
    fc
      .tuple(tie('any'), fc.constantFrom('-', '*', '/ 3 *', '% 7U -', '<< 3 >>'), literal)
      .map(([a, operator, b]) =>
        operator.startsWith('<<')
          ? `((uint64_t)(${a}) << 3 >> 2)`
          : `(uint32_t)(${a}) ${operator} ${b}`,
      ),
    fc.tuple(fc.constantFrom('!', '~', '+'), tie('any')).map(([sign, a]) => `${sign}(${a})`),
    fc.tuple(tie('any'), tie('any'), literal).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
  ),
})).any;

function value(text: string, abi: Abi): { value: bigint; bits: number; isSigned: boolean } {
  const sizes: Readonly<Record<string, number>> = {
    long: abi.word,
    uint32_t: 4,
    uint64_t: 8,
    char: 1,
  };
  return evaluateInteger(tokenize(text), {
    abi,
    valueOf: () => undefined,
    sizeOf: (name) => sizes[name],
  });
}

function valuesAgree(t: ExecutionContext, { compiler, abi, packages }: Compiler): void {
  const expressions = fc.sample(expression, { seed: 20260801, numRuns: 1500 });
  const lines = ['#include <stdint.h>'];
  for (const text of expressions) {
    const { value: result, bits, isSigned } = value(text, abi);
    const number =
      isSigned && result < 0n ? `(${result + 1n}LL - 1)` : `${result}${isSigned ? 'LL' : 'ULL'}`;
    lines.push(`_Static_assert((${text}) == ${number}, "value");`);
    lines.push(`_Static_assert(sizeof(${text}) == ${bits / 8}, "size");`);
    lines.push(`_Static_assert(((${text}) * 0 - 1 < 0) == ${isSigned ? 1 : 0}, "sign");`);
  }
  const errors = compile(compiler, packages, `${lines.join('\n')}\n`);
  const [, line] = /:(\d+):/.exec(errors) ?? [];
  t.is(errors.slice(0, 300), '', lines[Number(line ?? 0) - 1]);
}

for (const compiler of COMPILERS) {
  const register = withCommands(compiler.packages, compiler.compiler);
  register(`layouts are those of ${compiler.compiler}`, (t) => layoutsAgree(t, compiler));
  register(`values are those of ${compiler.compiler}`, (t) => valuesAgree(t, compiler));
}
