// Packs the package, installs it in an empty project and uses it there with import, with require()
// and from TypeScript:
//   node scripts/pack-check.mjs [--prebuilt]
// With --prebuilt the package has the prebuilds of this checkout. Without it, the installation must
// compile the addon from the sources in the package.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { reportLeftovers, withLeakCheck } from './leak-check.mjs';
import { Problem, main, packageBin, root, run } from './support/run.mjs';

const requireProgram = `
const { openDevice, ServiceManager } = require('liteipc');
if (typeof openDevice !== 'function' || typeof ServiceManager.start !== 'function') process.exit(1);
console.log('require: ok');
`;

const typedProgram = `
import { ServiceManager, defineService, method, openDevice } from 'liteipc';

const Adder = defineService('adder', { add: method<[number, number], number>() });

export async function useTypes(): Promise<number> {
  await using manager = await ServiceManager.start({ domain: 'types' });
  await using device = await openDevice({ domain: 'types' });
  await device.expose(Adder, { add: ([a, b]) => a + b });
  const adder = await device.service(Adder);
  // @ts-expect-error A text is not a pair of numbers.
  await adder.add('1').catch(() => undefined);
  void manager;
  return await adder.add([1, 2], { timeoutMs: 500 });
}
`;

const typeScriptSettings = {
  compilerOptions: {
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
    strict: true,
    noEmit: true,
  },
  files: ['types.mts'],
};

/**
 * Packs into `folder`. Without `prebuilt` the prebuilds are moved away meanwhile. Returns the path
 * of the tarball.
 */
function pack(folder, prebuilt) {
  const prebuilds = join(root, 'prebuilds');
  const aside = join(root, 'out/prebuilds-aside');
  if (prebuilt && !existsSync(prebuilds)) throw new Problem('No prebuilds: run npm run prebuild');
  const mustHide = !prebuilt && existsSync(prebuilds);
  if (mustHide) renameSync(prebuilds, aside);
  try {
    run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder]);
  } finally {
    if (mustHide) renameSync(aside, prebuilds);
  }
  return join(
    folder,
    readdirSync(folder).find((name) => name.endsWith('.tgz')),
  );
}

export async function packCheck(prebuilt) {
  const folder = mkdtempSync(join(tmpdir(), 'liteipc-pack-'));
  try {
    const tarball = pack(folder, prebuilt);
    const project = join(folder, 'project');
    mkdirSync(project);
    writeFileSync(join(project, 'package.json'), '{"name":"consumer","private":true}');
    run('npm', ['install', '--no-audit', '--no-fund', tarball], { cwd: project });
    const compiled = existsSync(join(project, 'node_modules/liteipc/build/Release/liteipc.node'));
    if (compiled === prebuilt) {
      throw new Problem(
        prebuilt
          ? 'The prebuilt addon was not taken'
          : 'The addon was not compiled on installation',
      );
    }

    copyFileSync(join(root, 'test/smoke/smoke.mjs'), join(project, 'smoke.mjs'));
    writeFileSync(join(project, 'require.cjs'), requireProgram);
    writeFileSync(join(project, 'types.mts'), typedProgram);
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(typeScriptSettings));

    const environment = { LITEIPC_ADDON: '' };
    const { leftovers } = await withLeakCheck((privateEnvironment) =>
      run(process.execPath, ['smoke.mjs'], {
        cwd: project,
        timeoutMs: 60_000,
        env: { ...environment, ...privateEnvironment },
      }),
    );
    if (!reportLeftovers(leftovers))
      throw new Problem('The installed package left something behind');
    run(process.execPath, ['require.cjs'], { cwd: project, env: environment });
    run('npm', ['install', '--no-audit', '--no-fund', '--no-save', '@types/node@20'], {
      cwd: project,
    });
    run(process.execPath, [packageBin('typescript', 'bin/tsc'), '-p', '.'], { cwd: project });
    console.log(`Package, ${prebuilt ? 'prebuilt' : 'compiled on installation'}: ok`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(() => packCheck(process.argv.includes('--prebuilt')));
}
