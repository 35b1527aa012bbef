/**
 * Finds and loads the compiled files: the addon `liteipc.node`, once per JS thread, and the files
 * beside it, such as the device shim.
 *
 * The addon is, in this order:
 * 1. the file that the environment variable `LITEIPC_ADDON` names, for example a debug build;
 * 2. in a checkout, the development build: `build-cmake/Release/liteipc.node`;
 * 3. what `npm install` compiled, or the prebuilt binary for this machine (node-gyp-build).
 *
 * The other files are in the folder that the environment variable `LITEIPC_NATIVE_FILES` names, for
 * example a sanitizer build, else in the addon's folder.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NativeBinding } from '../../types/native.js';

const require = createRequire(import.meta.url);
const packageRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const supportedArchitectures: readonly string[] = ['x64', 'arm64'];

let binding: NativeBinding | undefined;

/** Returns the path of the addon. Throws an `Error` with the remedy if there is none. */
export function findAddon(): string {
  const chosen = process.env['LITEIPC_ADDON'];
  if (chosen !== undefined && chosen !== '') {
    const path = resolve(chosen);
    if (!existsSync(path)) throw new Error(`LITEIPC_ADDON names ${path}, which does not exist`);
    return path;
  }
  const development = join(packageRoot, 'build-cmake/Release/liteipc.node');
  if (existsSync(development)) return development;
  const nodeGypBuild = require('node-gyp-build') as { resolve(folder: string): string };
  try {
    return nodeGypBuild.resolve(packageRoot);
  } catch (cause) {
    throw new Error(
      `liteipc: no addon for ${process.platform} ${process.arch} in ${packageRoot}. ` +
        'In a checkout run "npm run build"; elsewhere run "npm rebuild liteipc" ' +
        '(it needs a C and a C++ compiler, make and Python 3)',
      { cause },
    );
  }
}

/**
 * Returns the native binding. The first call in a thread loads it. Throws an `Error` on systems
 * other than Linux on x64 or arm64, and if the addon is missing or does not load.
 */
export function loadNativeBinding(): NativeBinding {
  if (binding !== undefined) return binding;
  if (process.platform !== 'linux' || !supportedArchitectures.includes(process.arch)) {
    throw new Error(
      'liteipc runs on Linux on x64 and arm64 (it needs memfd seals, epoll and pidfd), ' +
        `not on ${process.platform} ${process.arch}`,
    );
  }
  const path = findAddon();
  try {
    binding = require(path) as NativeBinding;
  } catch (cause) {
    throw new Error(`liteipc: ${path} does not load: ${(cause as Error).message}`, { cause });
  }
  return binding;
}

/**
 * Returns the path of a compiled file, such as `liteipc_preload.so`. Throws an `Error` with the
 * remedy if this build does not contain it.
 */
export function findNativeFile(name: string): string {
  const chosen = process.env['LITEIPC_NATIVE_FILES'];
  const folder = chosen === undefined || chosen === '' ? dirname(findAddon()) : resolve(chosen);
  const path = join(folder, name);
  if (!existsSync(path)) {
    throw new Error(
      `liteipc: ${name} is not in ${folder}. ` +
        'In a checkout run "npm run build"; elsewhere run "npm rebuild liteipc"',
    );
  }
  return path;
}
