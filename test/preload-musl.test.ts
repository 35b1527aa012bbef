/** The same programs for musl: `liteipc run` chooses the other build of the shim by itself. */
import test from 'ava';
import { compile, gcc, liteipc, musl } from './support/preload-programs.js';
import { preloadSuite } from './support/preload-suite.js';
import { usePrivateRuntime } from './support/private-runtime.js';

usePrivateRuntime();

preloadSuite(test.serial, musl, (program, args) => liteipc(['run', program, ...args]), {
  canExec: true,
});

test.serial(
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
