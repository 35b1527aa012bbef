/** Paths that tests use; where a test's own file is does not matter. */
import { join } from 'node:path';

/** The root folder of the repository. */
export const root = join(import.meta.dirname, '../../..');

/** The program `liteipc`. */
export const commandLine = join(root, 'dist/cli/liteipc.js');

/** Returns the path of the compiled program test/programs/NAME.ts. */
export const testProgram = (name: string): string => join(root, 'out/test/programs', `${name}.js`);
