/** The programs of test/preload, for one toolchain: the same tests for each. */
import type { ExecutionContext } from 'ava';
import { compile, withToolchain, type Ending, type Toolchain } from './preload-programs.js';
import { scaled } from './deadlines.js';

/** Calls of each size by each of the two clients. */
const CALLS = 50_000;

/** Runs a compiled program to its end, in a domain of its own. */
export type RunProgram = (program: string, args: readonly string[]) => Promise<Ending>;

function isFine(t: ExecutionContext, ending: Ending): void {
  const { code, signal, stdout, stderr } = ending;
  t.is(code, 0, `${signal ?? ''} ${stdout}${stderr}`);
  t.regex(stdout, /(^|\n)ok\n$/, stderr);
}

interface SuiteOptions {
  /** The programs can start themselves and others with exec. */
  readonly canExec: boolean;
}

/** Declares the tests. */
export function preloadSuite(
  toolchain: Toolchain,
  run: RunProgram,
  { canExec }: SuiteOptions,
): void {
  const check = async (t: ExecutionContext, name: string, args: string[] = []): Promise<Ending> => {
    t.timeout(scaled(110_000));
    const ending = await run(await compile(name, toolchain), args);
    isFine(t, ending);
    return ending;
  };
  const test = withToolchain(toolchain);
  const unlessExec = canExec ? [] : ['no-exec'];
  const { name } = toolchain;

  test(`${name}: a ServiceManager, a service, and two clients with ${CALLS} calls of two sizes each`, async (t) => {
    const { stdout } = await check(t, 'calls', [String(CALLS)]);
    for (const client of [0, 1]) {
      for (const size of [1024, 6000]) {
        t.regex(stdout, new RegExp(`client ${client}: ${CALLS} calls of ${size} bytes`));
      }
    }
  });

  test(`${name}: paths, descriptors, duplicates, and closing everything`, async (t) => {
    await check(t, 'descriptors', unlessExec);
  });

  test(`${name}: what a program may not do to the pool's mapping`, async (t) => {
    await check(t, 'memory');
  });

  test(`${name}: fork, vfork, posix_spawn, exec, daemons, and every way to end`, async (t) => {
    await check(t, 'processes', unlessExec);
  });

  test(`${name}: threads as tasks, pthread_cancel, signals, forks meanwhile`, async (t) => {
    await check(t, 'threads');
  });

  test(`${name}: descriptors, memory and services in messages, and a death notice`, async (t) => {
    await check(t, 'objects');
  });
}
