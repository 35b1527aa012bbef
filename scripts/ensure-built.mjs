// Prepares a fresh clone for a command: installs and builds what is missing or out of date.
//   node scripts/ensure-built.mjs addon lib
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isFresh } from './support/freshness.mjs';
import { Problem, main, root, run } from './support/run.mjs';

function checkNodeVersion() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Problem(`Node ${process.versions.node} is too old: 20.19 or newer is needed.`);
  }
}

function isInstalled() {
  const lock = join(root, 'package-lock.json');
  const installed = join(root, 'node_modules/.package-lock.json');
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs;
}

/** `npm ci` runs this as its last step; then npm has just installed and must not be started. */
const runByInstall = process.env.npm_lifecycle_event === 'prepare';

await main(async () => {
  checkNodeVersion();
  if (!runByInstall && !isInstalled()) {
    console.log('Installing the dependencies (npm ci) ...');
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
  }
  if (!existsSync(join(root, 'node_modules/typescript'))) {
    throw new Problem('The tools that build are missing: run npm ci without --omit=dev.');
  }
  const { build, targets } = await import('./build.mjs');
  for (const name of process.argv.slice(2)) {
    const { inputs, output } = targets[name] ?? { inputs: [], output: '' };
    if (isFresh(name, inputs, output)) continue;
    console.log(`Building ${name} ...`);
    build(name);
  }
});
