/** Tests values in real calls, and errors for values that cannot be sent. */
import ava from 'ava';
import { LiteIpcError, RemoteError, defineService, method, oneway } from 'liteipc';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';

usePrivateRuntime();
const test = ava;

const Values = defineService('values', {
  echo: method<unknown, unknown>(),
  make: method<string, unknown>(),
  fail: method<string>(),
  note: oneway<unknown>(),
});

const makers: Readonly<Record<string, () => unknown>> = {
  function: () => ({ rows: [{ save: () => 1 }] }),
  promise: () => [Promise.resolve(1)],
  symbol: () => Symbol('s'),
};

class StockError extends Error {
  override readonly name = 'StockError';
  readonly missing = new Map([['bolts', 3]]);
  readonly at = new Date(86_400_000);
  readonly retry = (): void => undefined;
  readonly self = this;
}

async function values(t: Parameters<typeof startDomain>[0]) {
  const domain = await startDomain(t);
  const service = await domain.open();
  let calls = 0;
  await service.expose(Values, {
    echo: (value) => {
      calls++;
      return value;
    },
    make: (what) => makers[what]?.(),
    fail: (what) => {
      if (what === 'large') throw Object.assign(new Error('large'), { log: 'x'.repeat(100_000) });
      if (what === 'getter') {
        throw Object.defineProperty(new Error('getter'), 'trap', {
          enumerable: true,
          get: () => {
            throw new Error('trapped');
          },
        });
      }
      if (what === 'aggregate') throw new AggregateError([new TypeError('one')], 'several');
      throw new StockError('out of bolts', { cause: new RangeError('negative') });
    },
    note: () => undefined,
  });
  const client = await (await domain.open()).service(Values);
  return { client, calls: () => calls };
}

test('rich values and cycles arrive unchanged', async (t) => {
  const { client } = await values(t);
  const value = {
    map: new Map<unknown, unknown>([[{ key: 1 }, new Set([1n, 'a'])]]),
    date: new Date(0),
    pattern: /a+/giu,
    floats: new Float32Array([0.5]),
    error: Object.assign(new RangeError('far'), { code: 'E_FAR' }),
    nothing: undefined,
  };
  const arrived = (await client.echo(value)) as typeof value;
  t.deepEqual({ ...arrived, error: 0 }, { ...value, error: 0 });
  t.true(arrived.error instanceof RangeError);
  t.like(arrived.error, { message: 'far', code: 'E_FAR', stack: value.error.stack });
  const cycle: { self?: unknown; list: unknown[] } = { list: [] };
  cycle.self = cycle;
  cycle.list.push(new Map([['back', cycle]]));
  const turned = (await client.echo(cycle)) as typeof cycle;
  t.is(turned.self, turned);
  t.is((turned.list[0] as Map<string, unknown>).get('back'), turned);
});

test('an input that cannot be sent rejects at once and is not sent', async (t) => {
  const { client, calls } = await values(t);
  const cases: [unknown, string][] = [
    [[{ options: { onChange: () => 1 } }], 'input[0].options.onChange: a function cannot be sent'],
    [{ later: Promise.resolve() }, 'input.later: a Promise cannot be sent'],
    [Symbol('s'), 'input: a symbol cannot be sent'],
  ];
  for (const [input, text] of cases) {
    for (const name of ['echo', 'note'] as const) {
      const error = await t.throwsAsync(client[name](input), { instanceOf: LiteIpcError });
      t.false(error instanceof RemoteError);
      t.like(error, { code: 'EINVAL', message: `values.${name}: ${text} (EINVAL)` });
    }
  }
  t.is(calls(), 0);
});

test('an output that cannot be sent fails the call with its path', async (t) => {
  const { client } = await values(t);
  const texts = {
    function: 'output.rows[0].save: a function cannot be sent',
    promise: 'output[0]: a Promise cannot be sent',
    symbol: 'output: a symbol cannot be sent',
  };
  for (const [what, text] of Object.entries(texts)) {
    const message = `values.make: ${text} (EINVAL)`;
    await t.throwsAsync(client.make(what), { instanceOf: LiteIpcError, code: 'EINVAL', message });
  }
  t.is(await client.echo(1), 1);
});

test('an exception arrives with those own properties that can be sent', async (t) => {
  const { client } = await values(t);
  const error = await t.throwsAsync<RemoteError & Partial<Omit<StockError, keyof Error>>>(
    client.fail('stock'),
    {
      instanceOf: RemoteError,
    },
  );
  t.like(error, { name: 'StockError', message: 'out of bolts', code: 'EREMOTE' });
  t.deepEqual(error.missing, new Map([['bolts', 3]]));
  t.deepEqual(error.at, new Date(86_400_000));
  t.false('retry' in error || 'self' in error);
  t.regex(error.remoteStack ?? '', /values\.test/);
  t.like(error.cause, { name: 'RangeError', message: 'negative' });
  const several = await t.throwsAsync<RemoteError & { errors?: Error[] }>(client.fail('aggregate'));
  t.is(several.errors?.[0]?.message, 'one');
});

test('properties that are too large or throw do not hide the exception', async (t) => {
  const { client } = await values(t);
  await t.throwsAsync(client.fail('large'), { instanceOf: RemoteError, message: 'large' });
  await t.throwsAsync(client.fail('getter'), { instanceOf: RemoteError, message: 'getter' });
});
