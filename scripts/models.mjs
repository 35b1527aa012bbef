// npm run models: checks the Promela models of the ring and of the wake-up protocol with spin, for
// every interleaving. Each model is also checked with one of its mechanisms removed: then spin must
// find an error, otherwise the model would prove nothing. Debian: apt-get install spin
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Tally } from './support/closing-line.mjs';
import { Problem, main, requireCommands, root, run } from './support/run.mjs';

const models = [
  ['bell.pml', []],
  ['bell.pml', ['LANES=3', 'RECORDS=1']],
  ['bell.pml', ['HOSTILE', 'RECORDS=1']],
  ['ring.pml', []],
  ['ring.pml', ['CAPACITY=7', 'RECORDS=7']],
  ['ring.pml', ['HOSTILE_SENDER']],
  ['ring.pml', ['HOSTILE_RECEIVER']],
];
const brokenModels = [
  ['bell.pml', ['WITHOUT_LOOK_AFTER_ARM']],
  ['bell.pml', ['WITHOUT_LOOK_AFTER_EVICT']],
  ['ring.pml', ['WITHOUT_ROOM_CHECK']],
  ['ring.pml', ['HOSTILE_SENDER', 'WITHOUT_SIZE_CHECK']],
  ['ring.pml', ['HOSTILE_SENDER', 'WITHOUT_SKIP_CHECK']],
];

/** Checks one variant of a model in `folder`. Returns the states and errors that spin counted. */
function check(folder, file, defines) {
  const options = defines.map((define) => `-D${define}`);
  const inFolder = { cwd: folder, capture: true };
  run('spin', ['-a', ...options, join(root, 'test/models', file)], inFolder);
  run(
    'cc',
    ['-w', '-O2', '-DSAFETY', '-DCOLLAPSE', '-DMEMLIM=8000', '-o', 'pan', 'pan.c'],
    inFolder,
  );
  const { stdout } = run(join(folder, 'pan'), ['-m1000000'], inFolder);
  const errors = /errors: (\d+)/.exec(stdout);
  const states = /(\d+) states, stored/.exec(stdout);
  if (
    errors === null ||
    states === null ||
    /max search depth too small|out of memory/.test(stdout)
  ) {
    throw new Problem(`${file} ${options.join(' ')}: the search did not end\n${stdout}`);
  }
  return { states: Number(states[1]), errors: Number(errors[1]) };
}

/** Checks every model. Returns { passed, failed }. */
export function checkModels() {
  requireCommands('spin', 'cc');
  const folder = mkdtempSync(join(tmpdir(), 'liteipc-models-'));
  const tally = new Tally();
  try {
    for (const [list, wanted] of [
      [models, false],
      [brokenModels, true],
    ]) {
      for (const [file, defines] of list) {
        const { states, errors } = check(folder, file, defines);
        const good = errors > 0 === wanted;
        tally.add(good ? 1 : 0, good ? 0 : 1);
        const what = wanted ? 'an error must be found' : 'no error may be found';
        console.log(
          `${good ? 'ok    ' : 'FAILED'} ${file} ${defines.join(' ')}: ${states} states, ${errors} errors (${what})`,
        );
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return tally;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(() => {
    checkModels().close();
  });
}
