/**
 * Checks every code block of README.md and docs/. TypeScript is compiled and run, and JavaScript
 * runs as processes. Shell commands are checked or run. Policies and scenarios are read by their
 * own parsers. C is compiled. A block without a rule fails.
 */
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { parse as parseJson, type ParseError } from 'jsonc-parser';
import { parsePolicy } from '#lib/policy/parse.js';
import {
  codeBlocksIn,
  codeBlocksOf,
  placeOf,
  type CodeBlock,
} from '#test/support/markdown-blocks.js';
import { Helps, checkShellBlock, commandsOf, runShellBlock } from '#test/support/shell-blocks.js';
import { fileNameOf, runProgramBlocks } from '#test/support/program-blocks.js';
import { compileBlocks, type BlockModule } from '#test/support/typescript-blocks.js';
import { commandLine, root } from '#test/support/paths.js';
import { scaled } from '#test/support/deadlines.js';

const execute = promisify(execFile);
const runner = join(root, 'out/test/programs/documentation-block.js');
/** Longest run of a block in ms. */
const RUN_MAX_MS = scaled(30_000);

/** Returns the Markdown files of a folder. */
const pagesIn = (folder: string): readonly string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));

const pages = ['.', 'docs', 'docs/decisions', 'examples', 'bench'].flatMap(pagesIn);
const blocks = pages.flatMap((page) => codeBlocksIn(root, page));
const inLanguage = (...languages: readonly string[]): readonly CodeBlock[] =>
  blocks.filter(({ language }) => languages.includes(language));
const kindOf = ({ directive }: CodeBlock): string =>
  directive?.name === 'is' ? directive.value : '';

/** Returns the anchors of a page's headings. */
function headings(markdown: string): readonly string[] {
  return [...markdown.replaceAll(/^```.*?^```$/gms, '').matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    (title ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

/** Creates a folder for the folders of the blocks, and removes it after the test. */
function makeFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'liteipc-documentation-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

function errorText(error: unknown): string {
  const { stdout, stderr, message } = error as {
    stdout?: string;
    stderr?: string;
    message: string;
  };
  return `${message}\n${stdout ?? ''}${stderr ?? ''}`;
}

/** Calls `body` for each item, with as many at a time as there are processors. */
async function forAll<Item>(
  items: readonly Item[],
  body: (item: Item) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await body(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

async function runModule(folder: string, { block, program, fixture }: BlockModule): Promise<void> {
  const cwd = join(folder, placeOf(block).replaceAll(/\W/g, '-'));
  mkdirSync(cwd, { recursive: true });
  const args = fixture === undefined ? [runner, program] : [runner, program, fixture];
  await execute(process.execPath, args, {
    cwd,
    env: { ...process.env, XDG_RUNTIME_DIR: cwd },
    timeout: RUN_MAX_MS,
    killSignal: 'SIGKILL',
  });
}

test.serial('every block has a language, and a rule if its language needs one', (t) => {
  const rules: Readonly<Record<string, (block: CodeBlock) => boolean>> = {
    '': () => true,
    text: () => true,
    js: (block) => block.directive === undefined && fileNameOf(block) !== undefined,
    ts: ({ directive }) => directive?.name !== 'is',
    sh: ({ directive }) => directive?.name !== 'is',
    c: ({ directive }) => directive === undefined,
    json: () => true,
    jsonc: (block) => ['policy', 'scenario', 'JSON'].includes(kindOf(block)),
    ini: (block) => kindOf(block) === 'systemd unit',
  };
  const withoutRule = blocks
    .filter((block) => rules[block.language]?.(block) !== true)
    .map(placeOf);
  t.deepEqual(withoutRule, []);
  t.true(blocks.length >= 20);
});

test.serial('every page is in the index, and every link has a target', (t) => {
  const index = readFileSync(join(root, 'docs/README.md'), 'utf8');
  const anchors = new Map<string, readonly string[]>();
  const headingsOf = (file: string): readonly string[] => {
    const known = anchors.get(file) ?? headings(readFileSync(file, 'utf8'));
    anchors.set(file, known);
    return known;
  };
  for (const page of pages) {
    const name = page.replace('docs/', '');
    if (name.startsWith('decisions/')) continue; // Its own index has it.
    if (page.startsWith('docs/') && page !== 'docs/README.md') {
      t.true(index.includes(`](${name})`), page);
    }
    const text = readFileSync(join(root, page), 'utf8').replaceAll(/^```.*?^```$/gms, '');
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? join(root, page) : join(root, page, '..', path);
      if (!existsSync(file)) t.fail(`${page}: there is no ${target}`);
      else if (anchor !== undefined)
        t.true(headingsOf(file).includes(anchor), `${page}: ${target}`);
    }
  }
});

test.serial('JavaScript: the programs of a page run as processes', async (t) => {
  const folder = makeFolder(t);
  for (const page of new Set(inLanguage('js').map((block) => block.page))) {
    const ofPage = (block: CodeBlock): boolean => block.page === page;
    const cwd = join(folder, page.replaceAll(/\W/g, '-'));
    const outputs = await runProgramBlocks(inLanguage('js').filter(ofPage), cwd);
    const expected = inLanguage('text')
      .filter(ofPage)
      .filter((block) => kindOf(block) !== '');
    t.true(expected.length > 0, page);
    for (const block of expected) {
      t.is(outputs.get(kindOf(block).replace('output of ', '')), block.text, placeOf(block));
    }
  }
});

test.serial('README.md has fewer than 1200 words', (t) => {
  const words = readFileSync(join(root, 'README.md'), 'utf8').split(/\s+/).length;
  t.true(words < 1200, `${words}`);
});

test.serial('TypeScript: every block compiles and runs', async (t) => {
  const { modules, problems } = compileBlocks(inLanguage('ts'));
  t.deepEqual(problems, []);
  if (problems.length > 0) return;
  const folder = makeFolder(t);
  await forAll(modules, async (module) => {
    try {
      await runModule(folder, module);
      t.pass();
    } catch (error) {
      t.fail(`${placeOf(module.block)}: ${errorText(error)}`);
    }
  });
});

test.serial('TypeScript: a block that does not compile or fails is reported', async (t) => {
  const blockOf = (text: string): CodeBlock => {
    const [block] = codeBlocksOf('page.md', `text\n\n\`\`\`ts\n${text}\n\`\`\`\n`);
    return block as CodeBlock;
  };
  const wrong = "import { method } from 'liteipc';\nmethod(7);";
  t.regex(compileBlocks([blockOf(wrong)]).problems.join(), /^page\.md:5: Type '7' has/);
  const { modules, problems } = compileBlocks([blockOf("await Promise.reject(new Error('so'));")]);
  t.deepEqual(problems, []);
  const [module] = modules;
  await t.throwsAsync(runModule(makeFolder(t), module as BlockModule), { message: /Error: so/ });
});

test.serial('shell: commands and their options exist, and blocks with a fixture run', async (t) => {
  const folder = makeFolder(t);
  const helps = new Helps();
  for (const block of inLanguage('sh')) {
    t.deepEqual(await checkShellBlock(block, helps), []);
    await t.notThrowsAsync(execute('bash', ['-n', '-c', block.text]), placeOf(block));
    if (block.directive === undefined) continue;
    const cwd = join(folder, placeOf(block).replaceAll(/\W/g, '-'));
    mkdirSync(cwd);
    try {
      await runShellBlock(block, cwd);
    } catch (error) {
      t.fail(`${placeOf(block)}: ${errorText(error)}`);
    }
  }
});

test.serial('shell: a command or option that does not exist is reported', async (t) => {
  const helps = new Helps();
  const problemsOf = (text: string): Promise<readonly string[]> =>
    checkShellBlock(
      { page: 'page.md', line: 3, language: 'sh', directive: undefined, text },
      helps,
    );
  t.deepEqual(await problemsOf('npm run demo && npx liteipc run --domain x ./it --its-own'), []);
  t.deepEqual(await problemsOf('npx liteipc run --domian x ./it'), [
    'page.md:3: liteipc run has no option --domian',
  ]);
  t.deepEqual(await problemsOf('npx liteipc walk'), ['page.md:3: liteipc has no command walk']);
  t.deepEqual(await problemsOf('npm run dmo'), ['page.md:3: npm run dmo: no such script']);
  t.is((await problemsOf('rm -rf /')).length, 1);
  t.deepEqual(commandsOf('A=1 cc -o x x.c   # comment\nmake "a b" & cd x'), [
    ['cc', '-o', 'x', 'x.c'],
    ['make', 'a b'],
    ['cd', 'x'],
  ]);
});

test.serial('JSON: policies, scenarios and documents are valid', async (t) => {
  const folder = makeFolder(t);
  for (const block of inLanguage('json', 'jsonc')) {
    const file = join(folder, `${placeOf(block).replaceAll(/\W/g, '-')}.json`);
    if (kindOf(block) === 'policy') {
      t.notThrows(() => parsePolicy(file, block.text), placeOf(block));
    } else if (kindOf(block) === 'scenario') {
      writeFileSync(file, block.text);
      await t.notThrowsAsync(
        execute(process.execPath, [commandLine, 'conformance', file]),
        placeOf(block),
      );
    } else {
      const errors: ParseError[] = [];
      parseJson(block.text, errors, { disallowComments: block.language === 'json' });
      t.deepEqual(errors, [], placeOf(block));
    }
  }
});

test.serial('C: every block compiles', async (t) => {
  for (const block of inLanguage('c')) {
    const options = ['-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-fsyntax-only'];
    const compiling = execute(
      'cc',
      [
        ...options,
        `-I${join(root, 'native')}`,
        `-I${join(root, 'native/include')}`,
        '-x',
        'c',
        '-',
      ],
      {},
    );
    compiling.child.stdin?.end(block.text);
    await t.notThrowsAsync(compiling, placeOf(block));
  }
  t.pass();
});
