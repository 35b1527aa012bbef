/** 300 kills of random participants at random moments; npm run torture is the long run. */
import test from 'ava';
import { parseOptions } from '#test/torture/options.js';
import { torture } from '#test/torture/run.js';
import { scaled } from '#test/support/deadlines.js';

test('300 participants are killed at random moments: no hang, no crash, nothing is left', async (t) => {
  t.timeout(scaled(110_000));
  const seed = Math.floor(Math.random() * 2 ** 31);
  const lines: string[] = [];
  const result = await torture({
    kills: 300,
    seed,
    minutes: scaled(1.5),
    print: (line) => lines.push(line),
  });
  const total = Object.values(result.kills).reduce((sum, count) => sum + count, 0);
  t.deepEqual(result.faults, [], `seed ${seed}\n${lines.join('\n')}`);
  t.true(total >= 300, `${total} kills in ${result.seconds} s`);
  for (const [kind, count] of Object.entries(result.kills)) {
    t.true(count > 0, `no ${kind} was killed; seed ${seed}`);
  }
  t.true(result.answers > 300, `${result.answers} answers`);
  t.log(`seed ${seed}: ${JSON.stringify(result.kills)}, ${result.seconds.toFixed(1)} s`);
});

test('arguments of the long run', (t) => {
  t.like(parseOptions(['--kills', '10000', '--seed', '7']), { kills: 10_000, seed: 7 });
  t.like(parseOptions(['--minutes', '0.5']), { kills: 1000, minutes: 0.5 });
  for (const args of [
    ['--kill', '1'],
    ['kills', '1'],
    ['--kills'],
    ['--kills', 'x'],
    ['--seed', '1.5'],
  ]) {
    const parsed = parseOptions(args);
    t.true(typeof parsed === 'string' && parsed.includes('usage: npm run torture'));
  }
});
