// Runs other programs and reports how to install missing ones.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const remedies = {
  cmake: 'CMake 3.21 or newer (Debian, Ubuntu: apt-get install cmake)',
  ctest: 'CMake 3.21 or newer (Debian, Ubuntu: apt-get install cmake)',
  make: 'make (Debian, Ubuntu: apt-get install make)',
  cc: 'a C compiler (Debian, Ubuntu: apt-get install build-essential)',
  'c++': 'a C++ compiler (Debian, Ubuntu: apt-get install build-essential)',
  npm: 'npm, which comes with Node',
  git: 'git (Debian, Ubuntu: apt-get install git)',
  'clang-format': 'clang-format (Debian, Ubuntu: apt-get install clang-format)',
  'clang-tidy': 'clang-tidy (Debian, Ubuntu: apt-get install clang-tidy)',
  'musl-gcc': 'musl-gcc (Debian, Ubuntu: apt-get install musl-tools)',
  'aarch64-linux-gnu-gcc':
    'a C compiler for arm64 (Debian, Ubuntu: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross)',
};

/** An error of which only the message is shown, without a stack. */
export class Problem extends Error {}

/** Returns the path of a program of a devDependency; `bin` is its path inside the package. */
export function packageBin(name, bin) {
  return join(root, 'node_modules', name, bin);
}

export function hasCommand(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;
}

export function requireCommands(...commands) {
  const missing = commands.filter((command) => !hasCommand(command));
  if (missing.length > 0) {
    const list = missing.map((command) => `  ${command}: install ${remedies[command] ?? command}`);
    throw new Problem(`Missing on this machine:\n${list.join('\n')}`);
  }
}

/**
 * Runs a program in the repository and waits for it. `capture` returns its standard output instead
 * of showing it. `check: false` returns the failure instead of throwing.
 */
export function run(command, args, options = {}) {
  const { cwd = root, env = {}, capture = false, check = true, timeoutMs } = options;
  const result = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', capture ? 'pipe' : 'inherit', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs, killSignal: 'SIGKILL' }),
  });
  const line = [command, ...args].join(' ');
  const shown = line.length > 200 ? `${line.slice(0, 200)} ...` : line;
  if (result.error?.code === 'ENOENT') {
    throw new Problem(`Cannot run ${command}: install ${remedies[command] ?? command}`);
  }
  if (result.error && check) {
    throw new Problem(`${shown}: ${result.error.message}`);
  }
  if (result.status !== 0 && check) {
    if (capture) process.stdout.write(result.stdout ?? '');
    throw new Problem(`Failed (${result.signal ?? `exit status ${result.status}`}): ${shown}`);
  }
  return { status: result.status ?? 1, stdout: result.stdout ?? '' };
}

export function runNode(args, options) {
  return run(process.execPath, args, options);
}

/**
 * Runs a script's main function. An error sets the exit status; a Problem is shown as its message.
 */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    console.error(error instanceof Problem ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}
