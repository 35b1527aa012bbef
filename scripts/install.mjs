// npm's install step of the published package: uses a prebuilt addon that fits this machine, or
// else compiles the addon from the sources in the package. In a checkout it does nothing, because
// `prepare` builds.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeGypEnvironment } from './support/node-headers.mjs';

const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));
// A package never contains its lock file; a checkout always does.
const isCheckout = existsSync(join(packageRoot, 'package-lock.json'));

if (!isCheckout) {
  const require = createRequire(import.meta.url);
  const installer = join(dirname(require.resolve('node-gyp-build/package.json')), 'bin.js');
  const result = spawnSync(process.execPath, [installer], {
    cwd: packageRoot,
    stdio: 'inherit',
    env: { ...process.env, ...nodeGypEnvironment() },
  });
  if (result.status !== 0) {
    console.error(
      'liteipc: no prebuilt addon fits this machine, and compiling it failed (see above). ' +
        'It needs a C and a C++ compiler, make and Python 3 ' +
        '(Debian, Ubuntu: apt-get install build-essential python3).',
    );
    process.exitCode = 1;
  }
}
