/** The examples, run as a reader runs them. */
import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { asRoot, isRoot, withCommands } from '#test/support/conditions.js';
import { root } from '#test/support/paths.js';
import { scaled } from '#test/support/deadlines.js';

usePrivateRuntime();
const execute = promisify(execFile);
const example = join(root, 'out/examples/example.js');

async function run(name: string): Promise<string[]> {
  const { stdout } = await execute(process.execPath, [example, name], { timeout: scaled(30_000) });
  return stdout.trimEnd().split('\n');
}

/** Runs an example, whose output has these lines in this order, among others. */
async function says(t: ExecutionContext, name: string, expected: readonly RegExp[]): Promise<void> {
  const lines = await run(name);
  let next = 0;
  for (const pattern of expected) {
    const found = lines.findIndex((line, index) => index >= next && pattern.test(line));
    t.not(found, -1, `${String(pattern)} is not in\n${lines.slice(next).join('\n')}`);
    next = found + 1;
  }
}

test('hello', async (t) => {
  const [first = '', ...rest] = await run('hello');
  t.regex(first, /^called by process \d+$/);
  t.deepEqual(rest, ['1 + 2 = 3']);
});

test('workers: all of them answer', async (t) => {
  const lines = await run('workers');
  t.is(lines.at(-1), '3 workers found 49098 primes below 600000');
  const answered = lines.slice(0, -1).map((line) => {
    const [, calls] = /^worker \d answered (\d+) of 12 calls$/.exec(line) ?? [];
    return Number(calls);
  });
  t.is(answered.length, 3);
  t.is(
    answered.reduce((sum, calls) => sum + calls, 0),
    12,
  );
});

test('streaming', async (t) => {
  await says(t, 'streaming', [
    /^ {2}kitchen: 20 degrees$/,
    /^ {2}kitchen: 20\.3 degrees$/,
    /^ {2}20 readings read, the service was hardly ahead$/,
    /^ {2}3 readings uploaded, 24 degrees on average$/,
    /^ {2}alarm: 32 degrees in the sauna$/,
    /^ {2}10, 20, 60 becomes 10, 15, 30$/,
  ]);
  await says(t, 'streaming', [/^service: the stream of the kitchen ended$/]);
});

test('big-files', async (t) => {
  t.deepEqual(await run('big-files'), [
    '64 MiB as an open file: the right digest',
    '64 MiB as bytes: the right digest',
    '8 MiB as a result: 232 at 1000',
  ]);
});

asRoot('users: rules of the file, and of the changed one, by real uids', (t) =>
  says(t, 'users', [
    /audit: uid 64001 admitted: policy\.jsonc:\d+:\d+ allows uid 64001/,
    /^accountant \(uid 64001, gid 64001\): read ok, write ok$/,
    /^clerk \(uid 64002, gid 64010\): read ok, write EACCES$/,
    /^guest .*: read EACCES, write EACCES$/,
    /audit: uid 64004 refused: policy\.jsonc:\d+:\d+ denies uid 64004 to read, write/,
    /^on leave .*: read EACCES, write EACCES$/,
    /^The policy changes/,
    /^accountant .*: read ok, write ok$/,
    /^clerk .*: read EACCES, write EACCES$/,
    /^guest .*: read ok, write ok$/,
    /^The ledger: by 64001 \(uid 64001.*; by 64003 \(uid 64003, reported by the kernel\)$/,
  ]),
);

if (!isRoot) {
  test('users: not root', (t) =>
    says(t, 'users', [/^you .*: read EACCES/, /^Only root can start/]));
}

withCommands('build-essential', 'cc')('c-client', (t) =>
  says(t, 'c-client', [
    /^service: process \d+ reports 19\.5 from the kitchen$/,
    /reports 23 from the kitchen$/,
    /^client in C: 3 reports from the kitchen, 21\.0 degrees on average$/,
  ]),
);

test('each is listed, and a wrong name gets one line and status 2', async (t) => {
  const names = readdirSync(join(root, 'examples'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  const index = readFileSync(join(root, 'examples/README.md'), 'utf8');
  for (const name of names) t.true(index.includes(`](${name}/`), `${name} is not in the index`);
  const { code, stderr } = await t.throwsAsync<Error & { code: number; stderr: string }>(
    run('nonsense'),
  );
  t.is(code, 2);
  t.regex(
    stderr,
    /^npm run example NAME, where NAME is one of: big-files, c-client, .*hello, .*\n$/,
  );
});
