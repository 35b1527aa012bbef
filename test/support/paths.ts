/** Paths that tests use, so that tests do not depend on their own location. */
import { join } from 'node:path';

/** The root folder of the repository. */
export const root = join(import.meta.dirname, '../../..');

/** The program `liteipc`. */
export const commandLine = join(root, 'dist/cli/liteipc.js');

/** Returns the path of the compiled program test/programs/NAME.ts. */
export const testProgram = (name: string): string => join(root, 'out/test/programs', `${name}.js`);
