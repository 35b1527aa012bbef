/**
 * Compilers and emulators that only some tests need. In CI they must be there. Elsewhere the tests
 * that want a missing one are not declared, and a line says which and how to get it.
 */
import { spawnSync } from 'node:child_process';

function isMissing(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error !== undefined;
}

/** Throws an error that names the Debian packages if the command is missing. */
export function requireCommand(command: string, packages: string): void {
  if (isMissing(command)) {
    throw new Error(`${command} is missing (Debian, Ubuntu: apt-get install ${packages})`);
  }
}

/**
 * May the tests that need these commands be declared? In CI always: they fail if one is missing.
 */
export function canTestWith(packages: string, ...commands: readonly string[]): boolean {
  const missing = commands.filter(isMissing);
  if (missing.length === 0 || process.env['CI'] !== undefined) return true;
  process.stderr.write(
    `Not tested for want of ${missing.join(', ')} (Debian, Ubuntu: apt-get install ${packages})\n`,
  );
  return false;
}
