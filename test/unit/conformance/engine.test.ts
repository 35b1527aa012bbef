/** Tests faulty engines: the scenario of such an engine fails with a reason, and the others run. */
import test from 'ava';
import type { Engine } from '#lib/conformance/engine.js';
import { parseScenario } from '#lib/conformance/parse.js';
import { runEngine } from '#lib/conformance/run-engine.js';
import { runScenarios, type Outcome } from '#lib/conformance/run.js';

const scenario = (name: string) =>
  parseScenario(
    JSON.stringify({
      name,
      about: 'for a test',
      processes: { C: ['cli'] },
      steps: [
        { task: 'cli', do: 'open' },
        { task: 'cli', do: 'close' },
      ],
    }),
    'x.json',
  );

/** Returns an engine that runs a Node program. */
const engine =
  (source: string, dispose: () => void = () => undefined): Engine =>
  () => ({ program: process.execPath, args: ['-e', source], env: {}, dispose });

async function outcomeOf(source: string): Promise<Outcome> {
  const [outcome] = await runScenarios([scenario('x')], {
    target: 'port',
    engine: engine(source),
    compile: () => new Uint32Array([1, 2]),
    jobs: 1,
  });
  if (outcome === undefined) throw new Error('no outcome');
  return outcome;
}

const report = (object: object): string =>
  `process.stdin.resume().on('end', () => console.log(${JSON.stringify(JSON.stringify(object))}))`;

test("an engine's report becomes the outcome", async (t) => {
  t.like(await outcomeOf(report({ result: 'passed', notChecked: 3 })), {
    ...{ result: 'passed', notChecked: 3, step: undefined },
  });
  t.like(await outcomeOf(report({ result: 'failed', step: 2, wanted: 'OK', came: 'EIO' })), {
    ...{ result: 'failed', wanted: 'OK', came: 'EIO', step: { number: 2, line: 1 } },
  });
  t.like(await outcomeOf(report({ result: 'skipped', message: 'not here' })), {
    ...{ result: 'skipped', reason: 'not here' },
  });
  t.like(await outcomeOf(report({ result: 'error', message: 'no memory' })), {
    ...{ result: 'failed', message: 'no memory' },
  });
});

test('the engine receives the table unchanged', async (t) => {
  const source = `process.stdin.on('data', (data) => console.log(
    JSON.stringify({ result: 'error', message: data.toString('hex') })))`;
  t.is((await outcomeOf(source)).message, '0100000002000000');
});

const misbehaving: Readonly<Record<string, readonly [source: string, message: RegExp]>> = {
  'prints nothing': ['', /^the engine printed no report$/],
  'prints no JSON': ['console.log("hello")', /^the engine printed no report$/],
  'prints another shape': ['console.log("[]")', /^the engine printed no report$/],
  'prints null': ['console.log("null")', /^the engine printed no report$/],
  'prints an unknown result': [report({ result: 'fine' }), /printed no report/],
  'prints a step that is no number': [report({ result: 'failed', step: '2' }), /no report/],
  'prints without end': [
    'setInterval(() => process.stdout.write("x".repeat(1 << 16)), 0)',
    /^the engine was killed: it printed more than a report$/,
  ],
  'dies of a signal': [
    'console.error("going"); process.kill(process.pid, "SIGSEGV")',
    /^the engine ended with SIGSEGV; it said: going/,
  ],
  'ends with another status': [
    `${report({ result: 'passed' })}; process.exitCode = 7`,
    /^the engine ended with status 7$/,
  ],
};

for (const [title, [source, message]] of Object.entries(misbehaving)) {
  test(`an engine that ${title}`, async (t) => {
    const outcome = await outcomeOf(source);
    t.is(outcome.result, 'failed');
    t.regex(outcome.message ?? '', message);
  });
}

test('an engine that does not read its input fails the scenario', async (t) => {
  const options = { target: 'port', jobs: 1, compile: () => new Uint32Array(1 << 20) } as const;
  const source = 'process.stdin.destroy(); console.log(\'{"result":"passed"}\')';
  const [outcome] = await runScenarios([scenario('x')], { ...options, engine: engine(source) });
  t.is(outcome?.result, 'passed');
});

test('an engine that cannot be started fails the scenario', async (t) => {
  const prepared = { program: '/nowhere', args: [], env: {}, dispose: () => undefined };
  t.like(await runEngine(prepared, new Uint32Array(), 1000), {
    ...{ result: 'error', message: '/nowhere: spawn /nowhere ENOENT' },
  });
});

test('an engine that hangs is killed, even if it ignores signals', async (t) => {
  const source = `process.on('SIGTERM', () => console.error('no')); setInterval(() => 0, 1000)`;
  const result = await runEngine(engine(source)(), new Uint32Array(), 1500);
  t.is(result.result, 'error');
  t.regex(result.message ?? '', /^the engine was killed: it did not end within 1.5 s; it said: no/);
});

test('a process that outlives its engine is killed', async (t) => {
  const source = `const child = require('node:child_process').spawn('sleep', ['60'], { stdio: 'inherit' });
    console.log(JSON.stringify({ result: 'error', message: String(child.pid) })); process.exit(0)`;
  const startedAt = performance.now();
  const result = await runEngine(engine(source)(), new Uint32Array(), 60_000);
  t.regex(result.message ?? '', /it left processes behind/);
  t.true(performance.now() - startedAt < 20_000);
});

test('a failing engine does not stop the others, outcomes keep their order, and all resources are freed', async (t) => {
  let disposed = 0;
  let made = 0;
  const sources = [report({ result: 'passed' }), 'process.exit(3)', report({ result: 'passed' })];
  const mixed: Engine = () => engine(sources[made++ % 3] ?? '', () => (disposed += 1))();
  const reported: string[] = [];
  const outcomes = await runScenarios(
    Array.from({ length: 9 }, (_, index) => scenario(`s${index}`)),
    {
      ...{ target: 'port', engine: mixed, compile: () => new Uint32Array(), jobs: 4 },
      onOutcome: (outcome) => reported.push(outcome.scenario.name),
    },
  );
  t.is(disposed, 9);
  t.deepEqual(
    reported,
    outcomes.map((outcome) => outcome.scenario.name),
  );
  t.is(outcomes.filter(({ result }) => result === 'passed').length, 6);
});

test('an engine that cannot be prepared fails its scenario', async (t) => {
  const failing: Engine = () => {
    throw new Error('no room for a domain');
  };
  const options = { target: 'port', jobs: 1, compile: () => new Uint32Array() } as const;
  const [outcome] = await runScenarios([scenario('x')], { ...options, engine: failing });
  t.like(outcome, { result: 'failed', message: 'no room for a domain' });
});

test('an aborted run rejects after everything has ended', async (t) => {
  const controller = new AbortController();
  let disposed = 0;
  const hanging = engine('setInterval(() => 0, 1000)', () => (disposed += 1));
  const run = runScenarios([scenario('a'), scenario('b'), scenario('c')], {
    ...{ target: 'port', engine: hanging, compile: () => new Uint32Array(), jobs: 2 },
    signal: controller.signal,
  });
  setTimeout(() => controller.abort(new Error('enough')), 300);
  await t.throwsAsync(run, { message: 'enough' });
  t.is(disposed, 2);
});
