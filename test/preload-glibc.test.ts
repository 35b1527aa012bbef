/** Unmodified C programs under the device shim, compiled with gcc: plain, and fortified with their own header. */
import test from 'ava';
import { fortified, gcc, liteipc } from './support/preload-programs.js';
import { preloadSuite } from './support/preload-suite.js';
import { usePrivateRuntime } from './support/private-runtime.js';

usePrivateRuntime();

preloadSuite(test.serial, gcc, (program, args) => liteipc(['run', program, ...args]), {
  canExec: true,
});
preloadSuite(
  test.serial,
  fortified,
  (program, args) => liteipc(['run', '--profile', 'liteos-a', '--', program, ...args]),
  { canExec: true },
);
