/**
 * The shim and the programs for arm64, under qemu: shows that they build and run, not that their memory order is
 * right, for the emulator orders memory as the machine below it does.
 */
import test from 'ava';
import { loadNativeBinding } from '#lib/native-loader.js';
import { arm64, buildShimFor, startEmulated } from './support/preload-programs.js';
import { preloadSuite } from './support/preload-suite.js';
import { usePrivateRuntime } from './support/private-runtime.js';

usePrivateRuntime();

let domains = 0;

preloadSuite(
  test.serial,
  arm64,
  async (program, args) => {
    const shim = await buildShimFor(arm64);
    const domain = loadNativeBinding().startDomain({ name: `arm64-${domains++}`, profile: 1 });
    try {
      return await startEmulated(shim, domain.path, program, args).ended;
    } finally {
      domain.stop();
    }
  },
  // qemu would have to be started by what they exec.
  { canExec: false },
);
