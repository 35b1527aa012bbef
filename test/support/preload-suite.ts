/** Registers the tests that run the programs of test/preload, for one toolchain. */
import type { ExecutionContext } from 'ava';
import { compile, withToolchain, type Ending, type Toolchain } from './preload-programs.js';
import { scaled } from './deadlines.js';

/** Number of calls of each size by each of the two clients. */
const CALLS = 50_000;

/** Runs a compiled program in a new domain. */
export type RunProgram = (program: string, args: readonly string[]) => Promise<Ending>;

function isFine(t: ExecutionContext, ending: Ending): void {
  const { code, signal, stdout, stderr } = ending;
  t.is(code, 0, `${signal ?? ''} ${stdout}${stderr}`);
  t.regex(stdout, /(^|\n)ok\n$/, stderr);
}

interface SuiteOptions {
  /** True if the programs can start programs with exec. */
  readonly canExec: boolean;
}

/** Registers the tests. */
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

  test(`${name}: two clients make ${CALLS} calls of each of two sizes`, async (t) => {
    const { stdout } = await check(t, 'calls', [String(CALLS)]);
    for (const client of [0, 1]) {
      for (const size of [1024, 6000]) {
        t.regex(stdout, new RegExp(`client ${client}: ${CALLS} calls of ${size} bytes`));
      }
    }
  });

  test(`${name}: the device is open under its paths and duplicates until the last close`, async (t) => {
    await check(t, 'descriptors', unlessExec);
  });

  test(`${name}: the pool's mapping rejects every change`, async (t) => {
    await check(t, 'memory');
  });

  test(`${name}: fork, vfork, posix_spawn, exec, daemons, and all ways to exit work`, async (t) => {
    await check(t, 'processes', unlessExec);
  });

  test(`${name}: threads are tasks, also with pthread_cancel, signals and forks`, async (t) => {
    await check(t, 'threads');
  });

  test(`${name}: messages transfer descriptors, memory and services, and a death notice arrives`, async (t) => {
    await check(t, 'objects');
  });
}
