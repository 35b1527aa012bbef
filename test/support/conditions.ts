/**
 * Registers tests that need root or a command. Where one cannot run, it is registered as skipped,
 * and its title names what it needs; scripts/test.mjs lists these tests.
 */
import { spawnSync } from 'node:child_process';
import test, { type ExecutionContext } from 'ava';

/** Registers a test, which runs serially. */
export type Register = (
  title: string,
  implementation: (t: ExecutionContext) => Promise<void> | void,
) => void;

/** True if tests may start processes of other users. */
export const isRoot = process.getuid?.() === 0;

/** Returns true if the command cannot be started. */
export function isMissing(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error !== undefined;
}

/** Returns a function that registers tests, as skipped if something that they need is missing. */
export function needs(missing: string | undefined): Register {
  return (title, implementation) => {
    if (missing === undefined) test.serial(title, implementation);
    else test.serial.skip(`${title} [needs ${missing}]`, implementation);
  };
}

/** Registers a test that starts processes of other users. */
export const asRoot: Register = needs(isRoot ? undefined : 'root');

/**
 * Returns a function that registers tests which use these commands. In CI the tests run even if a
 * command is missing, and then fail.
 */
export function withCommands(packages: string, ...commands: readonly string[]): Register {
  const missing = process.env['CI'] === undefined ? commands.filter(isMissing) : [];
  return needs(
    missing.length === 0 ? undefined : `${missing.join(', ')}: apt-get install ${packages}`,
  );
}

/** Throws an error that names the Debian packages if the command is missing. */
export function requireCommand(command: string, packages: string): void {
  if (isMissing(command)) {
    throw new Error(`${command} is missing (Debian, Ubuntu: apt-get install ${packages})`);
  }
}
