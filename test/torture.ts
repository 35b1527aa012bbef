/** Runs the torture test for long: npm run torture -- --kills 10000. See test/torture/run.ts. */
import { parseOptions } from './torture/options.js';
import { torture } from './torture/run.js';

const options = parseOptions(process.argv.slice(2));
if (typeof options === 'string') {
  console.error(options);
  process.exit(2);
}

const startedAt = performance.now();
const print = (line: string): void => {
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(7)} s  ${line}`);
};
print(`${options.kills} kills, seed ${options.seed}, at most ${options.minutes} minutes`);
const result = await torture({ ...options, print });
const total = Object.values(result.kills).reduce((sum, count) => sum + count, 0);
print(`${total} kills in ${result.seconds.toFixed(0)} s, ${result.faults.length} faults`);
if (result.faults.length > 0) {
  console.error(`\ntorture: FAILED (again with: --kills ${options.kills} --seed ${result.seed})`);
  for (const fault of result.faults) console.error(`- ${fault}`);
  process.exitCode = 1;
} else {
  console.log('torture: ok');
}
