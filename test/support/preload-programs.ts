/** Compiles the C programs of test/preload and runs them under the device shim. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requireCommand, withCommands, type Register } from './conditions.js';
import { commandLine, root } from './paths.js';
import { scaled } from './deadlines.js';

const execute = promisify(execFile);
const sourceFolder = join(root, 'test/preload');
const outputFolder = join(root, 'out/preload');

/** A compiler for these programs, and its packages. */
export interface Toolchain {
  readonly name: string;
  readonly compiler: string;
  /** Debian packages. */
  readonly packages: string;
  readonly flags: readonly string[];
}

export const gcc: Toolchain = {
  name: 'glibc',
  compiler: 'gcc',
  packages: 'build-essential',
  flags: [],
};
/** Checked calls of libc, and the kernel's declarations without LOSCFG_SECURITY_CAPABILITY. */
export const fortified: Toolchain = {
  ...gcc,
  name: 'glibc-fortified',
  flags: ['-D_FORTIFY_SOURCE=2', '-DOWN_ABI'],
};
export const musl: Toolchain = {
  name: 'musl',
  compiler: 'musl-gcc',
  packages: 'musl-tools',
  flags: [],
};
export const arm64: Toolchain = {
  name: 'arm64',
  compiler: 'aarch64-linux-gnu-gcc',
  packages: 'gcc-aarch64-linux-gnu libc6-dev-arm64-cross',
  flags: ['-DEMULATED'],
};

/** The command that runs arm64 programs, and its Debian package. */
const emulator = 'qemu-aarch64-static';
const emulatorPackage = 'qemu-user-static';

/** Returns a function that registers tests which need this toolchain. */
export function withToolchain({ compiler, packages, name }: Toolchain): Register {
  return name === arm64.name
    ? withCommands(`${packages} ${emulatorPackage}`, compiler, emulator)
    : withCommands(packages, compiler);
}

/** Compiles `name`.c and returns the path of the program. */
export async function compile(name: string, toolchain: Toolchain): Promise<string> {
  const { compiler, packages, flags } = toolchain;
  requireCommand(compiler, packages);
  mkdirSync(outputFolder, { recursive: true });
  const program = join(outputFolder, `${name}-${toolchain.name}`);
  await execute(compiler, [
    ...['-std=c11', '-D_GNU_SOURCE', '-O2', '-g', '-pthread', '-Wall', '-Wextra', '-Werror'],
    ...[
      `-I${join(root, 'native/include')}`,
      `-I${join(root, 'native')}`,
      `-I${sourceFolder}`,
      ...flags,
    ],
    ...[join(sourceFolder, `${name}.c`), '-o', program],
  ]);
  return program;
}

function newest(folder: string): number {
  const times = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(
    (entry) => statSync(join(folder, entry)).mtimeMs,
  );
  return Math.max(...times);
}

/** Returns the path of the shim for another processor, after building it if it is outdated. */
export async function buildShimFor({ name, compiler, packages }: Toolchain): Promise<string> {
  requireCommand(compiler, packages);
  const shim = join(outputFolder, `liteipc_preload-${name}.so`);
  const built = statSync(shim, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built < newest(join(root, 'native'))) {
    mkdirSync(outputFolder, { recursive: true });
    const script = join(root, 'scripts/build-shim.mjs');
    await execute(process.execPath, [script, compiler, shim], { cwd: root });
  }
  return shim;
}

/** Exit status and output of a program. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running program. */
export interface Running {
  readonly child: ChildProcess;
  /** Resolves when its standard output contains the text; rejects if it ends before. */
  says(text: string): Promise<void>;
  /** The same for standard error. */
  complains(text: string): Promise<void>;
  readonly ended: Promise<Ending>;
}

/** Starts a program. It is killed after `limitMs`, scaled. */
export function start(
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  limitMs = 100_000,
): Running {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: scaled(limitMs),
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  const watchers = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const watcher of watchers) watcher();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    for (const watcher of watchers) watcher();
  });
  const ended = new Promise<Ending>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      resolve({ code, signal, stdout, stderr });
    });
  });
  const when = (text: string, said: () => string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!said().includes(text)) return;
        watchers.delete(look);
        resolve();
      };
      watchers.add(look);
      look();
      void ended.then(
        () => {
          reject(new Error(`ended without saying "${text}": ${stdout}${stderr}`));
        },
        () => {
          reject(new Error(`${command} cannot be run`));
        },
      );
    });
  return {
    child,
    says: (text) => when(text, () => stdout),
    complains: (text) => when(text, () => stderr),
    ended,
  };
}

/** Starts `npx liteipc` with these arguments. */
export function startLiteipc(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Running {
  return start(process.execPath, [commandLine, ...args], environment);
}

/** Runs `npx liteipc` with these arguments. */
export function liteipc(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<Ending> {
  return startLiteipc(args, environment).ended;
}

/** Starts an arm64 program under qemu, with its shim, in a domain. */
export function startEmulated(
  shim: string,
  domain: string,
  program: string,
  args: readonly string[],
): Running {
  requireCommand(emulator, emulatorPackage);
  return start(emulator, [
    ...['-L', '/usr/aarch64-linux-gnu', '-E', `LD_PRELOAD=${shim}`],
    ...['-E', `LITEIPC_DOMAIN=${domain}`, program, ...args],
  ]);
}
