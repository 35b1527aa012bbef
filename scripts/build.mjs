// Builds the targets named on the command line incrementally: node scripts/build.mjs addon lib
import { copyFileSync, existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { markFresh } from './support/freshness.mjs';
import { findNodeDir, nodeGypEnvironment } from './support/node-headers.mjs';
import { wasStartedAsHookOf } from './support/npm-hooks.mjs';
import {
  Problem,
  hasCommand,
  main,
  packageBin,
  requireCommands,
  root,
  run,
  runNode,
} from './support/run.mjs';

const parallel = { CMAKE_BUILD_PARALLEL_LEVEL: String(availableParallelism()) };

/** CMake uses ninja if it is installed (as cmake-js does), else make. */
const buildTool = hasCommand('ninja') ? [] : ['make'];

function cmakeJs(folder, configuration) {
  requireCommands('cmake', ...buildTool, 'cc', 'c++');
  const nodeDir = findNodeDir();
  const headers = nodeDir === undefined ? [] : [`--CDLITEIPC_NODE_HEADERS=${nodeDir}/include/node`];
  runNode(
    [
      packageBin('cmake-js', 'bin/cmake-js'),
      'compile',
      ...['-O', folder, '--config', configuration, '--log-level', 'warn'],
      `--CDLITEIPC_NODE=${process.execPath}`,
      ...headers,
    ],
    { env: parallel },
  );
}

function cmakeAlone(folder, settings) {
  requireCommands('cmake', ...buildTool, 'cc');
  const defines = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
  const isConfigured = existsSync(join(root, folder, 'CMakeCache.txt'));
  const generator = isConfigured ? [] : ['-G', hasCommand('ninja') ? 'Ninja' : 'Unix Makefiles'];
  run('cmake', ['-S', '.', '-B', folder, '--log-level=WARNING', ...generator, ...defines]);
  run('cmake', ['--build', folder], { env: parallel });
}

function compileTypeScript(project) {
  runNode([packageBin('typescript', 'bin/tsc'), '--build', project]);
}

/** Folders of the standalone builds of the core and its C tests, by sanitizer. */
export const nativeFolders = { none: 'build-native', address: 'build-asan', thread: 'build-tsan' };

/**
 * Builds the C tests. `required` makes a missing cmocka an error. Returns whether the tests were
 * built.
 */
export function buildNative(sanitizer = 'none', required = false) {
  const folder = nativeFolders[sanitizer];
  cmakeAlone(folder, {
    LITEIPC_SANITIZE: sanitizer === 'none' ? '' : sanitizer,
    LITEIPC_REQUIRE_TESTS: required ? 'ON' : 'OFF',
  });
  const cache = readFileSync(join(root, folder, 'CMakeCache.txt'), 'utf8');
  return !/^LITEIPC_CMOCKA_\w+=.*NOTFOUND$/m.test(cache.replaceAll(/:\w+=/g, '='));
}

function warnWithoutTests(built) {
  if (!built) console.warn('The C tests were not built: cmocka is missing (libcmocka-dev).');
}

/** Programs that are compiled in addition to the addon. prebuildify copies only the addon. */
const besideAddon = ['liteipc-conformance', 'liteipc-conformance-device', 'liteipc_preload.so'];

function addBesideAddon() {
  const [folder, ...others] = readdirSync(join(root, 'prebuilds'));
  if (folder === undefined || others.length > 0) {
    throw new Problem('prebuilds should have one folder, for this machine');
  }
  for (const name of besideAddon) {
    const target = join(root, 'prebuilds', folder, name);
    copyFileSync(join(root, 'build/Release', name), target);
    run('strip', ['--strip-unneeded', target]);
  }
  // node-gyp compiles only for this machine's libc.
  if (hasCommand('musl-gcc')) {
    const target = join(root, 'prebuilds', folder, 'liteipc_preload_musl.so');
    runNode(['scripts/build-shim.mjs', 'musl-gcc', target]);
    run('strip', ['--strip-unneeded', target]);
  }
}

function prebuild() {
  // npm starts a script named prebuild as a hook of `npm run build`, which is not intended.
  if (wasStartedAsHookOf('build')) return;
  requireCommands('make', 'cc', 'c++', 'strip');
  rmSync(join(root, 'prebuilds'), { recursive: true, force: true });
  runNode(
    [
      packageBin('prebuildify', 'bin.js'),
      ...['--napi', '--strip', '--tag-libc', '--target', process.versions.node],
    ],
    { env: nodeGypEnvironment() },
  );
  addBesideAddon();
}

/** The targets. ensure-built.mjs uses `inputs` and `output` to find outdated ones. */
export const targets = {
  addon: {
    inputs: ['native', 'CMakeLists.txt', 'package-lock.json'],
    output: 'build-cmake/Release/liteipc.node',
    build: () => cmakeJs('build-cmake', 'Release'),
  },
  'addon-debug': {
    inputs: ['native', 'CMakeLists.txt', 'package-lock.json'],
    output: 'build-debug/Debug/liteipc.node',
    build: () => {
      cmakeJs('build-debug', 'Debug');
      console.log('To use it: LITEIPC_ADDON=build-debug/Debug/liteipc.node');
    },
  },
  lib: {
    inputs: ['lib', 'types', 'tsconfig.lib.json', 'tsconfig.base.json', 'package-lock.json'],
    output: 'dist/index.js',
    build: () => compileTypeScript('tsconfig.lib.json'),
  },
  programs: {
    inputs: [
      ...['lib', 'types', 'test', 'bench', 'examples', 'package-lock.json'],
      ...['tsconfig.programs.json', 'tsconfig.lib.json', 'tsconfig.base.json'],
    ],
    output: 'out/programs.tsbuildinfo',
    build: () => {
      // Compiled files of renamed and deleted sources must not be run.
      for (const folder of ['test', 'bench', 'examples']) {
        rmSync(join(root, 'out', folder), { recursive: true, force: true });
      }
      rmSync(join(root, 'out/programs.tsbuildinfo'), { force: true });
      compileTypeScript('tsconfig.programs.json');
    },
  },
  native: {
    inputs: ['native', 'test/native', 'test/programs', 'CMakeLists.txt'],
    output: 'build-native/libliteipc_core.a',
    build: () => warnWithoutTests(buildNative('none')),
  },
  'native-asan': {
    inputs: ['native', 'test/native', 'test/programs', 'CMakeLists.txt'],
    output: 'build-asan/libliteipc_core.a',
    build: () => warnWithoutTests(buildNative('address')),
  },
  'native-tsan': {
    inputs: ['native', 'test/native', 'test/programs', 'CMakeLists.txt'],
    output: 'build-tsan/libliteipc_core.a',
    build: () => warnWithoutTests(buildNative('thread')),
  },
  'native-bench': {
    inputs: ['native', 'bench/native', 'CMakeLists.txt'],
    output: 'build-bench/libliteipc_core.a',
    build: () =>
      cmakeAlone('build-bench', {
        CMAKE_BUILD_TYPE: 'Release',
        LITEIPC_TESTS: 'OFF',
        LITEIPC_PROGRAMS: 'OFF',
        LITEIPC_BENCH: 'ON',
      }),
  },
  prebuild: { inputs: ['native', 'binding.gyp'], output: 'prebuilds', build: prebuild },
};

export function build(name) {
  const target = targets[name];
  if (target === undefined) {
    throw new Problem(`No target ${name}. Targets: ${Object.keys(targets).join(', ')}`);
  }
  if (!existsSync(join(root, 'node_modules')) && !name.startsWith('native')) {
    throw new Problem('node_modules is missing: run npm ci first');
  }
  const startedAt = new Date();
  target.build();
  markFresh(name, startedAt);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(() => process.argv.slice(2).forEach(build));
}
