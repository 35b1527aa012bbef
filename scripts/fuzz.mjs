// npm run fuzz -- [NAME...] [--seconds N]: fuzzes the C core with libFuzzer under ASan and UBSan,
// 60 s for each target unless given. Needs clang (Debian: apt-get install clang libcmocka-dev).
// Inputs that fail are written to out/fuzz; give one as NAME=FILE to run it again.
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Tally } from './support/closing-line.mjs';
import { Problem, main, requireCommands, root, run } from './support/run.mjs';

const source = 'test/fuzz';
const folder = join(root, 'out/fuzz');
const names = readdirSync(join(root, source))
  .filter((name) => /^fuzz_\w+\.c$/.test(name))
  .map((name) => name.slice(5, -2));

const flags = [
  ...['-std=c11', '-D_GNU_SOURCE', '-g', '-O1', '-Wall', '-Wextra', '-Werror', '-pthread'],
  ...['-fsanitize=address,undefined,fuzzer-no-link', '-fno-sanitize-recover=undefined'],
  ...['-Inative', '-Inative/include', '-Itest', '-Itest/native'],
];

/** Compiles the core and the tests' support once, into one archive. */
function buildLibrary() {
  const { core } = JSON.parse(readFileSync(join(root, 'native/sources.json'), 'utf8'));
  const support = readdirSync(join(root, 'test/native/support'))
    .filter((name) => name.endsWith('.c'))
    .map((name) => join('test/native/support', name));
  const objects = [...core, ...support].map((file) => {
    const object = join(folder, `${file.replaceAll('/', '_')}.o`);
    run('clang', [...flags, '-c', file, '-o', object]);
    return object;
  });
  const library = join(folder, 'liteipc.a');
  rmSync(library, { force: true }); // `ar` would preserve members of sources that are gone
  run('ar', ['rcs', library, ...objects]);
  return library;
}

/** Fuzzes `targets` for `seconds` each. Returns { passed, failed }. */
export function fuzz(targets = names, seconds = 60) {
  requireCommands('clang', 'ar');
  mkdirSync(folder, { recursive: true });
  const library = buildLibrary();
  const tally = new Tally();
  for (const target of targets) {
    const [name, file] = target.split('=');
    if (!names.includes(name)) {
      throw new Problem(`No fuzzer ${name}. Fuzzers: ${names.join(', ')}`);
    }
    const program = join(folder, name);
    const options = [
      '-fsanitize=fuzzer',
      '-Wl,--start-group',
      library,
      '-lcmocka',
      '-Wl,--end-group',
    ];
    run('clang', [...flags, join(source, `fuzz_${name}.c`), ...options, '-o', program]);
    const corpus = join(folder, `corpus-${name}`);
    mkdirSync(corpus, { recursive: true });
    const what =
      file === undefined
        ? [corpus, `-max_total_time=${seconds}`, `-artifact_prefix=${folder}/${name}-`]
        : [file];
    const { status } = run(
      program,
      [
        ...what,
        '-max_len=1024',
        '-timeout=20',
        '-rss_limit_mb=4096',
        '-print_final_stats=1',
        '-verbosity=0',
      ],
      { check: false, env: { ASAN_OPTIONS: 'detect_leaks=0' } },
    );
    console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name}`);
    tally.add(status === 0 ? 1 : 0, status === 0 ? 0 : 1);
  }
  return tally;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(() => {
    const { values, positionals } = parseArgs({
      options: { seconds: { type: 'string', default: '60' } },
      allowPositionals: true,
    });
    fuzz(positionals.length === 0 ? names : positionals, Number(values.seconds)).close();
  });
}
