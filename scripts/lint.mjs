// npm run lint: checks and changes nothing. npm run format: formats with prettier and clang-format.
// Names of checks as arguments select checks: npm run lint -- eslint clang-format
// The checks in JavaScript use one processor each; they run beside clang-tidy, which uses all.
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { apiDocsCommand } from './api-docs.mjs';
import { build } from './build.mjs';
import { spawn } from 'node:child_process';
import { Tally } from './support/closing-line.mjs';
import { Problem, main, packageBin, requireCommands, root, run, runNode } from './support/run.mjs';

function filesWith(extensions, folders) {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name)),
    )
    .filter((name) => extensions.some((extension) => name.endsWith(extension)))
    .sort();
}

const nativeFiles = () =>
  filesWith(['.c', '.h', '.cc'], ['native', 'test/native', 'bench/native', 'examples']);

const prettierCommand = (mode) => [
  ...[packageBin('prettier', 'bin/prettier.cjs'), mode, '--log-level', 'warn', '.'],
];

function clangFormat(...mode) {
  requireCommands('clang-format');
  run('clang-format', [...mode, ...nativeFiles()]);
}

function runQuietly(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    // Standard error has only the count of suppressed warnings in foreign headers, unless
    // clang-tidy itself fails.
    let errors = '';
    child.stderr.on('data', (data) => (errors += data));
    child.on('close', (status) => resolve({ status, output, errors }));
  });
}

/** Runs a check written in JavaScript without blocking the other lane. */
async function nodeCheck(args) {
  const { status, output, errors } = await runQuietly(process.execPath, args);
  if (status === 0) return;
  console.error(`${output}${errors}`.trimEnd());
  throw new Problem(`Failed (exit status ${status})`);
}

/** Runs clang-tidy on all files of the compilation databases, several at a time. */
async function clangTidy() {
  requireCommands('clang-tidy');
  for (const target of ['native', 'native-bench', 'addon']) build(target);
  const jobs = [
    ...filesWith(['.c'], ['native', 'test/native']).map((file) => ['build-native', file]),
    ...filesWith(['.c'], ['bench/native']).map((file) => ['build-bench', file]),
    ...filesWith(['.cc'], ['native/addon']).map((file) => ['build-cmake', file]),
  ];
  let failed = 0;
  async function worker() {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      const [folder, file] = job;
      const { status, output, errors } = await runQuietly('clang-tidy', [
        '--quiet',
        '-p',
        folder,
        file,
      ]);
      if (status === 0) continue;
      failed += 1;
      console.error(output === '' ? errors : output);
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  if (failed > 0) throw new Problem(`clang-tidy: ${failed} files with findings`);
}

function eslint() {
  build('lib'); // The programs' types come from the compiled library.
  return nodeCheck([packageBin('eslint', 'bin/eslint.js'), '--max-warnings', '0', '.']);
}

/** Two lanes run concurrently; the checks of a lane run one after another. */
const lanes = [
  {
    prettier: () => nodeCheck(prettierCommand('--check')),
    eslint,
    // .dependency-cruiser.js: forbids cycles and imports of a room above.
    imports: () => nodeCheck([join(root, 'scripts/imports.mjs')]),
    // knip.jsonc: finds unused files, exports and dependencies.
    unused: () => nodeCheck([packageBin('knip', 'bin/knip.js'), '--no-progress']),
    // Builds the API reference: finds broken links and exports without a comment.
    'api-docs': () => nodeCheck(apiDocsCommand),
    // Checks that docs/api-report is up to date.
    'api-report': () => nodeCheck([join(root, 'scripts/api-report.mjs'), '--check']),
    // Checks that the pictures in docs/diagrams are up to date.
    diagrams: () => nodeCheck([join(root, 'scripts/diagrams/draw.mjs'), '--check']),
  },
  { 'clang-format': () => clangFormat('--dry-run', '--Werror'), 'clang-tidy': clangTidy },
];
const allNames = lanes.flatMap((lane) => Object.keys(lane));

/** Runs the named checks, all of them by default. Returns { passed, failed }. */
export async function lint(names = allNames) {
  const unknown = names.find((name) => !allNames.includes(name));
  if (unknown !== undefined) {
    throw new Problem(`No check ${unknown}. Checks: ${allNames.join(', ')}`);
  }
  const tally = new Tally();
  async function runLane(lane) {
    for (const [name, check] of Object.entries(lane)) {
      if (!names.includes(name)) continue;
      try {
        await check();
        console.log(`${name}: ok`);
        tally.add(1, 0);
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        console.error(`${name}: ${error.message}`);
        tally.add(0, 1);
      }
    }
  }
  await Promise.all(lanes.map(runLane));
  return tally;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(async () => {
    const names = process.argv.slice(2);
    if (names[0] === '--fix-format') {
      runNode(prettierCommand('--write'));
      clangFormat('-i');
    } else {
      (await lint(names.length === 0 ? undefined : names)).close();
    }
  });
}
