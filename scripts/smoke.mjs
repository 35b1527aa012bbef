// Runs test/smoke/smoke.mjs with the development build and with the prebuilt addon, under every
// supported line of Node: node scripts/smoke.mjs [ADDON...]
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from './build.mjs';
import { withLeakCheck, reportLeftovers } from './leak-check.mjs';
import { Tally } from './support/closing-line.mjs';
import { Problem, main, root, run } from './support/run.mjs';

const nodeLines = [20, 22, 24];
const timeoutMs = 60_000;

/** Returns a binary of that line of Node: the running one, or a package stored in out/. */
function nodeBinary(line) {
  if (process.versions.node.startsWith(`${line}.`)) return process.execPath;
  const folder = join(root, 'out/node', String(line));
  const binary = join(folder, 'node_modules/node/bin/node');
  if (!existsSync(binary)) {
    console.log(`Fetching Node ${line} ...`);
    mkdirSync(folder, { recursive: true });
    // The package that the npm package `node` would download for this machine, without its install
    // script.
    const name = `node@npm:node-linux-${process.arch}@${line}`;
    run('npm', [
      ...[
        'install',
        '--prefix',
        folder,
        '--no-save',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
      ],
      name,
    ]);
  }
  return binary;
}

/** Returns the prebuilt addon for this machine's architecture. */
export function prebuiltAddon() {
  const folder = join(root, `prebuilds/linux-${process.arch}`);
  const file = existsSync(folder) && readdirSync(folder).find((name) => name.endsWith('.node'));
  if (!file) throw new Problem(`No addon in ${folder}: run npm run prebuild`);
  return join(folder, file);
}

/** Runs every given addon under every line of Node. Returns the tally. */
export async function smoke(addons) {
  const tally = new Tally();
  for (const line of nodeLines) {
    const node = nodeBinary(line);
    for (const addon of addons) {
      const { result, leftovers } = await withLeakCheck((environment) =>
        run(node, [join(root, 'test/smoke/smoke.mjs')], {
          check: false,
          timeoutMs,
          env: { ...environment, LITEIPC_ADDON: addon },
        }),
      );
      const passed = result.status === 0 && (leftovers.length === 0 || reportLeftovers(leftovers));
      if (!passed) console.error(`smoke: FAILED (Node ${line}, ${addon})`);
      tally.add(passed ? 1 : 0, passed ? 0 : 1);
    }
  }
  return tally;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(async () => {
    const chosen = process.argv.slice(2);
    if (chosen.length === 0) for (const target of ['addon', 'lib', 'prebuild']) build(target);
    const addons =
      chosen.length > 0
        ? chosen
        : [join(root, 'build-cmake/Release/liteipc.node'), prebuiltAddon()];
    (await smoke(addons)).close();
  });
}
