// Builds the device shim with a given compiler, in one step and without CMake or gyp:
//   node scripts/build-shim.mjs COMPILER OUTPUT.so [MORE FLAGS...]
// For other libc implementations and processors (musl-gcc, aarch64-linux-gnu-gcc).
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { pathToFileURL } from 'node:url';
import { Problem, main, requireCommands, root } from './support/run.mjs';

const execute = promisify(execFile);
const sources = JSON.parse(readFileSync(join(root, 'native/sources.json'), 'utf8'));

const compileFlags = [
  ...['-std=c11', '-D_GNU_SOURCE', '-O2', '-g', '-fPIC', '-pthread', '-fvisibility=hidden'],
  ...['-Wall', '-Wextra', '-Werror', '-Wundef', '-ftls-model=initial-exec'],
  ...['-ffunction-sections', '-fdata-sections', '-Inative', '-Inative/include'],
];
const linkFlags = [
  ...['-shared', '-pthread', '-Wl,--gc-sections', '-Wl,-z,now'],
  ...sources.preloadWraps.map((name) => `-Wl,--wrap=${name}`),
];

/**
 * Returns the linker's flags for the libc. If the library named musl's libc.so as a dependency, a
 * glibc program that a musl program starts (/bin/sh, for instance) could not be loaded. Without a
 * name the library uses the libc of the program.
 */
function libcFlags(compiler) {
  return isMusl(compiler) ? ['-nostdlib', '-lgcc'] : ['-Wl,-z,defs'];
}

function isMusl(compiler) {
  return basename(compiler).startsWith('musl');
}

/**
 * Returns the folders of the kernel's headers (linux/...), which musl-gcc does not search. The
 * headers are the same for every libc.
 */
function kernelHeaders(compiler) {
  if (!isMusl(compiler)) return [];
  const tuple = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch];
  return [`/usr/include`, `/usr/include/${tuple}`]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => ['-idirafter', folder]);
}

async function compile(compiler, source, object, more) {
  const flags = [...compileFlags, ...kernelHeaders(compiler), ...more];
  try {
    await execute(compiler, [...flags, '-c', source, '-o', object], { cwd: root });
  } catch (error) {
    throw new Problem(`${compiler} ${source}:\n${error.stderr ?? error.message}`);
  }
}

/** Compiles the core and the shim, links them, and replaces `output` atomically. */
export async function buildShim(compiler, output, more = []) {
  requireCommands(compiler);
  const target = resolve(output);
  mkdirSync(dirname(target), { recursive: true });
  const folder = mkdtempSync(join(dirname(target), '.shim-'));
  try {
    const pending = [...sources.core, ...sources.preload];
    const objects = [];
    const work = async () => {
      for (let source = pending.pop(); source !== undefined; source = pending.pop()) {
        const object = join(folder, `${source.replaceAll('/', '_')}.o`);
        objects.push(object);
        await compile(compiler, source, object, more);
      }
    };
    await Promise.all([work(), work()]);
    const library = join(folder, 'library.so');
    await execute(
      compiler,
      [...more, ...linkFlags, ...objects, '-o', library, ...libcFlags(compiler)],
      { cwd: root },
    );
    renameSync(library, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(async () => {
    const [compiler, output, ...more] = process.argv.slice(2);
    if (output === undefined)
      throw new Problem('Usage: build-shim.mjs COMPILER OUTPUT.so [FLAGS...]');
    await buildShim(compiler, output, more);
  });
}
