/**
 * Unmodified C programs under the device shim: compiled with gcc, plain and fortified with their
 * own header; for musl; and for arm64 under qemu, which shows that they build and run, not that
 * their memory order is right, for the emulator orders memory as the machine below it does.
 */
import { loadNativeBinding } from '#lib/native/binding.js';
import {
  arm64,
  buildShimFor,
  compile,
  fortified,
  gcc,
  liteipc,
  musl,
  startEmulated,
  withToolchain,
} from '#test/support/preload-programs.js';
import { preloadSuite } from '#test/support/preload-suite.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';

usePrivateRuntime();

preloadSuite(gcc, (program, args) => liteipc(['run', program, ...args]), {
  canExec: true,
});
preloadSuite(
  fortified,
  (program, args) => liteipc(['run', '--profile', 'liteos-a', '--', program, ...args]),
  { canExec: true },
);

// `liteipc run` selects the build of the shim for musl.
preloadSuite(musl, (program, args) => liteipc(['run', program, ...args]), {
  canExec: true,
});

withToolchain(musl)(
  'programs of two libcs in one tree: the other one runs, without the device',
  async (t) => {
    const ofMusl = await compile('descriptors', musl);
    const ofGlibc = await compile('descriptors', gcc);
    // sh is a glibc program here; so is the first one that it starts.
    const script = `${ofGlibc} && ls -ld ${ofMusl} >/dev/null && { ${ofMusl} || echo without; }`;
    const { code, stdout, stderr } = await liteipc(['run', 'sh', '-c', script]);
    t.is(code, 0, stderr);
    t.is(stdout, 'ok\nwithout\n');
    t.regex(stderr, /device >= 0 \(errno 2, No such file/);
  },
);

let domains = 0;

preloadSuite(
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
