/**
 * Finds what is compiled beside the addon: the device shim and the programs that run scenarios.
 * They lie in the folder that the environment variable `LITEIPC_NATIVE_FILES` names (a sanitizer's
 * build, say), or else in the addon's own: the development build in a checkout, what `npm install`
 * compiled, or the prebuilt binaries for this machine.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { findAddon } from './binding.js';

/**
 * The path of a compiled file, such as `liteipc_preload.so`. Throws an `Error` that names the
 * remedy if this build has none.
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
