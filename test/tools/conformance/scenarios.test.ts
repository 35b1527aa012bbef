/** Runs the recorded scenarios and this project's own, and checks that differences are detected. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { alterations, type Alteration, type RawScenario } from '#test/support/altered-scenarios.js';
import { conformanceDocument, makeFolder, scenarioFolder } from '#test/support/conformance.js';
import { root } from '#test/support/paths.js';

interface Head {
  readonly name: string;
  readonly deviation?: string;
  readonly port?: string;
  readonly kernel?: string;
}

const [recorded, own] = [scenarioFolder('recorded'), scenarioFolder('own')];

const read = (folder: string, name: string): RawScenario =>
  JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as RawScenario;

const names = (folder: string): readonly string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.replace('.json', ''));

const heads = (folder: string): readonly Head[] =>
  names(folder).map((name) => read(folder, name) as unknown as Head);

test.serial('every scenario is named like its file', (t) => {
  t.true(names(recorded).length >= 69);
  t.true(names(own).length >= 61);
  for (const folder of [recorded, own]) {
    t.deepEqual(
      heads(folder).map(({ name }) => name),
      names(folder),
    );
  }
});

test.serial(
  'each recorded scenario that the port skips has one of ours with its deviation',
  (t) => {
    const skipped = heads(recorded).filter(({ port }) => port === 'skip');
    t.deepEqual(skipped.map(({ name, deviation }) => `${name} ${deviation}`).sort(), [
      ...['death-ipc-thread D8', 'mmap-bad-second-target D3', 'obj-svc-grant-stays D4'],
      ...['pool-full-order D1', 'pool-full-reply D1'],
    ]);
    const ours = heads(own).filter(({ kernel }) => kernel === 'skip');
    const count = (deviation: string): number =>
      ours.filter((head) => head.deviation === deviation).length;
    t.true(count('D1') >= 2);
    for (const deviation of ['D3', 'D4', 'D8']) t.true(count(deviation) >= 1, deviation);
  },
);

for (const [title, args] of [
  ['in one process', []],
  ['in processes', ['--processes']],
] as const) {
  test.serial(`all scenarios pass, ${title}; only the marked ones are skipped`, async (t) => {
    const startedAt = performance.now();
    const document = await conformanceDocument(t, ...args, recorded, own);
    const different = document.scenarios.filter(({ result }) => result === 'failed');
    t.deepEqual(different, []);
    const marked = [...heads(recorded), ...heads(own)].filter(({ port }) => port === 'skip');
    const skipped = document.scenarios.filter(({ result }) => result === 'skipped');
    t.deepEqual(
      skipped.map(({ name }) => name),
      marked.map(({ name }) => name),
    );
    t.is(document.passed, names(recorded).length + names(own).length - marked.length);
    // Both engines report the use of a pool, so nothing is unchecked.
    t.is(
      document.scenarios.reduce((sum, { notChecked }) => sum + notChecked, 0),
      0,
    );
    // The scenarios wait concurrently. In sequence they would need more than 80 s.
    t.true(performance.now() - startedAt < 75_000);
  });
}

test.serial(
  "the kernel's expectations fail exactly where the port differs on purpose",
  async (t) => {
    const document = await conformanceDocument(t, '--target', 'kernel', recorded, own);
    const hasOwnRule = ({ name }: Head): boolean => {
      const folder = names(recorded).includes(name) ? recorded : own;
      const { port, steps } = read(folder, name);
      return port === 'skip' || steps.some((step) => step.port !== undefined);
    };
    const expected = [...heads(recorded), ...heads(own)].filter(hasOwnRule);
    const failed = document.scenarios.filter(({ result }) => result === 'failed');
    const differs = new Set(failed.map(({ name }) => name));
    for (const { name } of expected) {
      // IPC_GET_VERSION returns EINVAL for a null argument; the kernel may return any error.
      t.is(differs.delete(name), name !== 'rule-ioctl-null', name);
    }
    t.deepEqual([...differs], []);
    const death = failed.find(({ name }) => name === 'death-cms');
    t.like(death, { wanted: 'EEXIST', came: 'OK', step: { number: 17, what: 'cli setCms' } });
  },
);

/** Runs altered scenarios: each must fail at its step. */
async function checkAlterations(
  t: ExecutionContext,
  altered: readonly Alteration[],
  ...args: string[]
): Promise<void> {
  const files = altered.map(({ scenario }) => [`${scenario.name}.json`, scenario] as const);
  const document = await conformanceDocument(t, ...args, makeFolder(t, Object.fromEntries(files)));
  t.is(document.scenarios.length, altered.length);
  const results = new Map(document.scenarios.map((result) => [result.name, result]));
  for (const { scenario, step, what } of altered) {
    const result = results.get(scenario.name);
    t.is(result?.result, 'failed', `${scenario.name}: ${what}`);
    t.is(result?.step?.number, step, `${scenario.name}: ${what}`);
    t.not(result?.wanted, result?.came);
    t.not(result?.came, undefined);
  }
}

/** Scenarios without timeouts that together cover every expectation. */
const altered = [
  ...['call-reply', 'obj-fd', 'obj-ptr', 'obj-svc', 'death-in-own-call', 'fork-mmap-again'],
  ...['failed-reply', 'free-bad-pointer', 'cms-access', 'version', 'pool-one-page', 'call-empty'],
].flatMap((name) => alterations(read(recorded, name)));

test.serial('every altered expectation fails at its step', async (t) => {
  const kinds = new Set(altered.map(({ what }) => what));
  for (const kind of ['code', 'from', 'version', 'pool', 'data hex', 'data svc', 'data ptr']) {
    t.true(kinds.has(kind), kind);
  }
  t.true(altered.length > 300);
  await checkAlterations(t, altered);
});

test.serial('every altered expectation fails at its step, in processes', async (t) => {
  const some = altered.filter((_, index) => index % 4 === 0);
  await checkAlterations(t, some, '--processes');
});

test.serial('a handle that gen returns is checked', async (t) => {
  const scenario = read(own, 'rule-gen-handle');
  const text = JSON.stringify(scenario).replace('{"var":"h"}', '{"add":[{"var":"h"},64]}');
  const folder = makeFolder(t, { 'x.json': text });
  const { scenarios } = await conformanceDocument(t, folder);
  t.like(scenarios[0], { result: 'failed', wanted: 'OK', came: 'EACCES' });
  t.like(scenarios[0], { step: { what: 'cms msg SEND' } });
});

test.serial('the example of the documentation passes', async (t) => {
  const [, example] =
    /```jsonc\n([^]*?)```/.exec(readFileSync(join(root, 'docs/scenario-format.md'), 'utf8')) ?? [];
  const folder = makeFolder(t, { 'example.jsonc': example });
  const { scenarios } = await conformanceDocument(t, folder);
  t.is(scenarios.length, 1);
  t.like(scenarios[0], { name: 'answer-once', result: 'passed' });
});
