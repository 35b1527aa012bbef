/** Tests `liteipc call` with streams, sinks, duplexes and events. */
import { spawn, type ChildProcess } from 'node:child_process';
import ava, { type ExecutionContext } from 'ava';
import {
  ServiceManager,
  defineService,
  duplex,
  event,
  method,
  openDevice,
  sink,
  stream,
} from 'liteipc';
import { liteipc, startLiteipc, type Ending } from '#test/support/preload-programs.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { commandLine } from '#test/support/paths.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
process.env['LITEIPC_DOMAIN'] = 'flows';
const test = ava.serial;

const Flows = defineService('flows', {
  upTo: stream<number, unknown>(),
  sum: sink<number, number>(),
  squares: duplex<number, number>(),
  changed: event<{ readonly price: bigint }>(),
  broken: stream<void, number>(),
  plain: method<void, number>(),
});
const manager = await ServiceManager.start({ domain: 'flows' });
const device = await openDevice({ domain: 'flows' });
let ended = 0;
const exposed = await device.expose(Flows, {
  upTo: function* (limit) {
    try {
      for (let number = 1; number <= limit; number++) yield { number };
    } finally {
      ended += 1;
    }
  },
  sum: async (items) => {
    let sum = 0;
    for await (const item of items) sum += item;
    return sum;
  },
  squares: async function* (items) {
    for await (const item of items) yield item * item;
  },
  broken: function* () {
    yield 1;
    throw new RangeError('no more');
  },
  plain: () => 5,
});
test.after.always(async () => {
  await device.close();
  await manager.close();
});

function shell(command: string): { child: ChildProcess; ending: Promise<Ending> } {
  const child = spawn('sh', ['-c', command, process.execPath, commandLine], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const ending = new Promise<Ending>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, ending };
}

async function says(t: ExecutionContext, command: string, output: string): Promise<void> {
  const { code, stdout, stderr } = await shell(command).ending;
  t.deepEqual([code, stdout, stderr], [0, output, '']);
}

test('a stream prints each item on a line until it ends', async (t) => {
  await says(t, '"$0" "$1" call flows upTo 3', '{"number":1}\n{"number":2}\n{"number":3}\n');
  const broken = await liteipc(['call', 'flows', 'broken']);
  t.deepEqual([broken.code, broken.stdout], [1, '1\n']);
  t.regex(broken.stderr, /^liteipc: flows\.broken: RangeError \(EREMOTE\): no more\n$/);
});

test('a reader that closes the pipe ends the stream at the service', async (t) => {
  const before = ended;
  const command = '"$0" "$1" call flows upTo 1000000000 | head -n 2';
  await says(t, command, '{"number":1}\n{"number":2}\n');
  await until(() => ended > before);
});

test('SIGINT ends an endless stream', async (t) => {
  const before = ended;
  const running = startLiteipc(['call', 'flows', 'upTo', '{"$number": "Infinity"}']);
  await running.says('{"number":100}\n');
  running.child.kill('SIGINT');
  t.is((await running.ended).code, 130);
  await until(() => ended > before);
});

test('a sink takes one item per line, or an array', async (t) => {
  await says(t, `printf '1\\n\\n2\\n3' | "$0" "$1" call flows sum`, '6\n');
  await says(t, `printf '1\\n2\\n' | "$0" "$1" call flows sum -`, '3\n');
  await says(t, `"$0" "$1" call flows sum '[4, 5]'`, '9\n');
  await says(t, '"$0" "$1" call flows sum </dev/null', '0\n');
  const { code, stdout, stderr } = await shell(`printf '1\\n2 3\\n' | "$0" "$1" call flows sum`)
    .ending;
  t.deepEqual([code, stdout], [2, '']);
  t.regex(stderr, /^liteipc: call: line 2 of standard input:1:3: .*the text is not JSON\n$/);
});

test('a duplex prints results while it reads input', async (t) => {
  await says(t, `printf '2\\n3\\n' | "$0" "$1" call flows squares`, '4\n9\n');
  await says(t, `"$0" "$1" call flows squares '[5]' --json`, '25\n');
});

test('an event prints each payload on a line until SIGINT', async (t) => {
  const running = startLiteipc(['call', 'flows', 'changed']);
  const emitting = setInterval(() => exposed.emit('changed', { price: 7n }), 50);
  await running.says('{"price":{"$bigint":"7"}}\n{"price":{"$bigint":"7"}}\n');
  clearInterval(emitting);
  running.child.kill('SIGINT');
  t.is((await running.ended).code, 130);
});

test('wrong input prints one line and exits with status 2', async (t) => {
  const event = await liteipc(['call', 'flows', 'changed', '1']);
  t.deepEqual(
    [event.code, event.stderr],
    [2, 'liteipc: call: changed is an event, which has no input\n'],
  );
  const sum = await liteipc(['call', 'flows', 'sum', '1']);
  t.deepEqual([sum.code, sum.stdout], [2, '']);
  t.regex(
    sum.stderr,
    /^liteipc: call: sum is a sink: its input is an array, or "-" and one item per line\n$/,
  );
  t.like(await liteipc(['call', 'flows', 'plain']), { code: 0, stdout: '5\n' });
});
