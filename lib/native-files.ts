/**
 * Finds what is compiled beside the addon: the device shim and the programs that run scenarios. They lie in
 * the addon's own folder: the development build in a checkout, what `npm install` compiled, or the
 * prebuilt binaries for this machine.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findAddon } from './native-loader.js';

/**
 * The path of a compiled file, such as `liteipc_preload.so`. Throws an `Error` that names the remedy
 * if this build has none.
 */
export function findNativeFile(name: string): string {
  const folder = dirname(findAddon());
  const path = join(folder, name);
  if (!existsSync(path)) {
    throw new Error(
      `liteipc: ${name} is not in ${folder}. ` +
        'In a checkout run "npm run build"; elsewhere run "npm rebuild liteipc"',
    );
  }
  return path;
}
