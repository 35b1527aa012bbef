/** Implements `liteipc run`: gives an unmodified program a /dev/lite_ipc. See docs/preload.md. */
import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { Command } from 'commander';
import type { DomainProfile } from '../manager/inspect/contract.js';
import { findNativeFile } from '../native/binding.js';
import {
  checkDomainRuns,
  checkedDomainName,
  profileOption,
  startBareDomain,
} from './bare-domain.js';
import { chooseShim, findProgram } from './preload-program.js';
import { UsageError } from '../common/usage-error.js';

interface RunOptions {
  readonly domain?: string;
  readonly profile: DomainProfile;
}

/** Signals that are always forwarded to the program. */
const forwarded = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGCONT'] as const;
/** Signals that a terminal sends to the program directly. */
const fromTerminal = ['SIGINT', 'SIGQUIT'] as const;

/** Returns the path of this build of the shim. */
function findShim(name: string): string {
  try {
    return findNativeFile(name);
  } catch (error) {
    if (!name.includes('musl')) throw error;
    throw new Error(
      `${(error as Error).message}, where musl-gcc is installed (Debian: apt-get install musl-tools)`,
      { cause: error },
    );
  }
}

/** Returns LD_PRELOAD with the shim appended. Libraries of sanitizers must come first. */
function preloadWith(shim: string): string {
  if (/[\s:]/.test(shim)) {
    throw new Error(`${shim}: LD_PRELOAD cannot hold a path with spaces or colons`);
  }
  const before = process.env['LD_PRELOAD'] ?? '';
  return before === '' ? shim : `${before}:${shim}`;
}

/** Resolves to the exit status that a shell would report. */
function whenEnded(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}

/**
 * Forwards signals to the process that `child` returns. The caller installs the handlers before the
 * child starts, so that no signal is lost: handlers run in a later turn.
 */
function passSignals(child: () => ChildProcess | undefined): void {
  for (const signal of forwarded) process.on(signal, () => child()?.kill(signal));
  const hasTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  for (const signal of fromTerminal) {
    process.on(signal, () => {
      if (!hasTerminal) child()?.kill(signal);
    });
  }
}

async function runProgram(name: string, args: string[], options: RunOptions): Promise<void> {
  const program = findProgram(name);
  const preload = preloadWith(findShim(chooseShim(program)));
  const given = options.domain ?? process.env['LITEIPC_DOMAIN'];
  if (options.domain !== undefined) await checkDomainRuns(checkedDomainName(options.domain));
  const isPrivate = given === undefined || given === '';
  const own = isPrivate ? startBareDomain(`run-${process.pid}`, options.profile) : undefined;
  try {
    let child: ChildProcess | undefined = undefined;
    passSignals(() => child);
    child = spawn(program, args, {
      argv0: name,
      stdio: 'inherit',
      env: { ...process.env, LD_PRELOAD: preload, LITEIPC_DOMAIN: own?.path ?? given },
    });
    process.exitCode = await whenEnded(child);
  } finally {
    own?.stop();
  }
}

/** Returns the command. Its parent must have positional options enabled. */
export function runCommand(): Command {
  return new Command('run')
    .summary('run an unmodified program with a /dev/lite_ipc')
    .description(
      'Runs a dynamically linked program with a /dev/lite_ipc. The device belongs to the given domain, to the ' +
        'domain in LITEIPC_DOMAIN, or to a private domain that ends with the program.',
    )
    .argument('<program>', 'path of the program, or a name to search in PATH')
    .argument('[args...]', 'arguments and options of the program')
    .option('--domain <name>', 'name of a running domain, or the absolute path of its socket')
    .addOption(profileOption())
    .passThroughOptions()
    .addHelpText(
      'after',
      `
The options of liteipc come before the program. Programs that are static,
32-bit, setuid or setgid cannot be run. docs/preload.md lists what the device
supports.

Exit status: that of the program, or 128 and the number of the signal that ended
it; 1 the program could not be started, 2 wrong usage.

Examples:
  $ npx liteipc run ./client --verbose
  $ npx liteipc run --domain shop ./client`,
    )
    .action(async (name: string, args: string[], options: RunOptions, command: Command) => {
      if (options.domain !== undefined && command.getOptionValueSource('profile') === 'cli') {
        throw new UsageError(
          'run: --profile applies to a private domain and cannot be used with --domain',
        );
      }
      await runProgram(name, args, options);
    });
}
