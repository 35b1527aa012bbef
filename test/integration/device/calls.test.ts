/**
 * Tests calls between devices of one process: requests, answers, one-way messages, validation,
 * errors.
 */
import ava from 'ava';
import { z } from 'zod';
import { LiteIpcError, RemoteError, defineService, method, oneway, type Caller } from 'liteipc';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava;

const Calculator = defineService('calculator', {
  add: method({ input: z.tuple([z.number(), z.number()]), output: z.number() }),
  echo: method<unknown, unknown>(),
  whoAmI: method<void, Caller>(),
  later: method<number, string>(),
  never: method(),
  fail: method<string>(),
  wrongOutput: method({ output: z.string() }),
  deadline: method<void, number>(),
  log: oneway({ input: z.string() }),
});

class Implementation {
  readonly lines: string[] = [];
  add([a, b]: [number, number]): number {
    return a + b;
  }
  echo(value: unknown): unknown {
    return value;
  }
  whoAmI(_input: unknown, call: { caller: Caller }): Caller {
    return call.caller;
  }
  later(ms: number): Promise<string> {
    return new Promise((resolve) => setTimeout(resolve, ms, `after ${ms}`));
  }
  never(): Promise<void> {
    return new Promise(() => undefined);
  }
  fail(text: string): never {
    throw Object.assign(new RangeError(text, { cause: new Error('because') }), { code: 'E_FAIL' });
  }
  wrongOutput(): string {
    return 5 as unknown as string;
  }
  deadline(_input: unknown, call: { deadline: number }): number {
    return call.deadline === Infinity ? -1 : call.deadline - performance.now();
  }
  log(line: string): void {
    if (line === 'fail') throw new Error('log failed');
    this.lines.push(line);
  }
}

async function calculator(t: Parameters<typeof startDomain>[0]) {
  const domain = await startDomain(t);
  const service = await domain.open();
  const implementation = new Implementation();
  const errors: unknown[] = [];
  const exposed = await service.expose(Calculator, implementation, {
    onError: (error, about) => errors.push([error, about.method]),
  });
  const device = await domain.open();
  const client = await device.service(Calculator);
  return { domain, service, device, client, implementation, errors, exposed };
}

test('a call is answered', async (t) => {
  const { client } = await calculator(t);
  t.is(await client.add([1, 2]), 3);
});

test('a service of the same device can be called', async (t) => {
  const { service } = await calculator(t);
  t.is(await (await service.service(Calculator)).add([2, 3]), 5);
});

test('the implementation sees the identity of the caller', async (t) => {
  const { client, device } = await calculator(t);
  const caller = await client.whoAmI();
  t.like(caller, {
    pid: process.pid,
    uid: process.getuid?.() ?? -1,
    gid: process.getgid?.() ?? -1,
    processId: device.processId,
  });
});

test('many calls in flight each get their own answer', async (t) => {
  const { client } = await calculator(t);
  const answers = await Promise.all(
    Array.from({ length: 2000 }, (_, index) =>
      index % 7 === 0 ? client.later(index % 5) : client.add([index, 1]),
    ),
  );
  for (const [index, answer] of answers.entries()) {
    t.is(answer, index % 7 === 0 ? `after ${index % 5}` : index + 1);
  }
});

test('one-way messages arrive in order, and before a later call', async (t) => {
  const { client, implementation } = await calculator(t);
  for (let index = 0; index < 500; index++) await client.log(`line ${index}`);
  await client.add([0, 0]);
  t.deepEqual(
    implementation.lines,
    Array.from({ length: 500 }, (_, index) => `line ${index}`),
  );
});

test('errors of one-way methods reach onError, and the service continues', async (t) => {
  const { client, errors } = await calculator(t);
  await client.log('fail');
  await client.log(5 as unknown as string);
  await until(() => errors.length === 2);
  const [thrown, invalid] = errors as [[Error, string], [LiteIpcError, string]];
  t.is(thrown[0].message, 'log failed');
  t.is(thrown[1], 'log');
  t.is(invalid[0].code, 'EINVAL');
  t.is(await client.add([1, 1]), 2);
});

test('an exception arrives as a RemoteError', async (t) => {
  const { client } = await calculator(t);
  const error = await t.throwsAsync(client.fail('outch'), { instanceOf: RemoteError });
  t.like(error, { name: 'RangeError', message: 'outch', code: 'E_FAIL', service: 'calculator' });
  t.regex(error.remoteStack ?? '', /Implementation\.fail/);
  t.is((error.cause as Error).message, 'because');
});

test('an invalid input is refused with its path', async (t) => {
  const { client } = await calculator(t);
  const error = await t.throwsAsync(client.add([1, 'two'] as never), {
    instanceOf: LiteIpcError,
    code: 'EINVAL',
  });
  t.false(error instanceof RemoteError);
  t.regex(error.message, /^calculator\.add: the input is not valid: at 1: .*number/);
});

test('an invalid output is refused', async (t) => {
  const { client } = await calculator(t);
  await t.throwsAsync(client.wrongOutput(), {
    code: 'EINVAL',
    message: /calculator\.wrongOutput: the output is not valid/,
  });
});

test('a value that cannot be sent is refused by its sender', async (t) => {
  const { client, implementation } = await calculator(t);
  await t.throwsAsync(client.echo({ callback: () => 1 }), {
    code: 'EINVAL',
    message: 'calculator.echo: input.callback: a function cannot be sent (EINVAL)',
  });
  implementation.echo = () => Symbol('s');
  // The implementation is read when it is exposed, so this one still echoes.
  t.is(await client.echo(1), 1);
});

test('the caller gets an error for a result that cannot be sent', async (t) => {
  const domain = await startDomain(t);
  const Bad = defineService('bad', { give: method<void, unknown>() });
  await (await domain.open()).expose(Bad, { give: () => ({ list: [() => 1] }) });
  const client = await (await domain.open()).service(Bad);
  await t.throwsAsync(client.give(), {
    code: 'EINVAL',
    message: /output\.list\[0\]: a function cannot be sent/,
  });
});

test('a call times out, and its late answer has no effect', async (t) => {
  const { client, service } = await calculator(t);
  const start = performance.now();
  await t.throwsAsync(client.later(300, { timeoutMs: 30 }), {
    code: 'ETIME',
    message: /^calculator\.later: no answer within 30 ms; .* \(ETIME\)$/,
  });
  t.true(performance.now() - start >= 29);
  // Slots are reused while the late answer is in transit.
  for (let index = 0; index < 50; index++) t.is(await client.add([index, 0]), index);
  await until(() => service.counters()['openRequests'] === 0);
  t.is(await client.later(200, { timeoutMs: Infinity }), 'after 200');
});

test('the implementation sees the deadline', async (t) => {
  const { client } = await calculator(t);
  const left = await client.deadline(undefined, { timeoutMs: 2000 });
  t.true(left > 0 && left <= 2000, `${left} ms left`);
  t.is(await client.deadline(undefined, { timeoutMs: Infinity }), -1);
  t.true((await client.deadline()) > 2000);
});

test('wrong arguments cause TypeErrors that describe them', async (t) => {
  const { client, device, service, domain } = await calculator(t);
  await t.throwsAsync(client.add([1, 2], 500 as never), {
    instanceOf: TypeError,
    message: 'Expected an object for the options of calculator.add but received number 500',
  });
  for (const timeoutMs of [0, -1, NaN, '5']) {
    await t.throwsAsync(client.add([1, 2], { timeoutMs: timeoutMs as never }), {
      instanceOf: TypeError,
      message: /^Expected a number of ms above 0, or Infinity, for timeoutMs of calculator\.add/,
    });
  }
  await t.throwsAsync(device.service({} as never), {
    instanceOf: TypeError,
    message:
      'Expected a contract made by defineService for the contract of service but received Object',
  });
  await t.throwsAsync(service.expose(Calculator, {} as never), {
    instanceOf: TypeError,
    message: /a function for calculator\.add of the implementation but received undefined/,
  });
  t.throws(() => device.onDeath({}, () => undefined), { instanceOf: TypeError });
  await t.throwsAsync(domain.open({ poolSize: -5 }), { instanceOf: TypeError });
  await t.throwsAsync(domain.open({ spinNs: 0.5 }), { instanceOf: TypeError });
});

test('a validator may be asynchronous on both sides of the implementation', async (t) => {
  const slow = <Value>(value: Value): Promise<Value> =>
    new Promise((resolve) => setTimeout(resolve, 5, value));
  const Slow = defineService('slow', {
    twice: method({
      input: z.number().transform((value) => slow(value * 2)),
      output: z.number().refine(async (value) => (await slow(value)) < 100, 'too much'),
    }),
  });
  const domain = await startDomain(t);
  await (await domain.open()).expose(Slow, { twice: (value) => value });
  const client = await (await domain.open()).service(Slow);
  t.is(await client.twice(21), 42);
  await t.throwsAsync(client.twice(60), { code: 'EINVAL', message: /output .*too much/ });
});

test('a different contract is refused, and the error names the method', async (t) => {
  const { device } = await calculator(t);
  const Other = defineService('calculator', { add: oneway<[number, number]>() });
  await t.throwsAsync(device.service(Other), {
    code: 'EPROTO',
    message: /"calculator" has another contract: "add" is oneway here and method in the service/,
  });
});

test('values that arrived do not change when buffers are reused', async (t) => {
  const { client } = await calculator(t);
  const values = Array.from({ length: 200 }, (_, index) => Buffer.alloc(index * 20, index));
  const arrived = await Promise.all(values.map((value) => client.echo(value)));
  for (let index = 0; index < 200; index++) await client.echo(Buffer.alloc(5000, 0xff));
  t.deepEqual(arrived, values);
});
