/** Tests OpenTelemetry: contexts travel with calls, and both sides have spans. */
import { SpanKind, SpanStatusCode, context, propagation, trace } from '@opentelemetry/api';
import ava, { type ExecutionContext } from 'ava';
import {
  defineService,
  method,
  oneway,
  sink,
  stream,
  type Client,
  type CallMetadata,
  type Implementation,
} from 'liteipc';
import { parcel } from 'liteipc/native';
import { openTelemetry } from 'liteipc/opentelemetry';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { registerTelemetry } from '#test/support/telemetry.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava.serial;
const spans = registerTelemetry();
test.beforeEach(() => {
  spans.length = 0;
});

const number = parcel<number>({
  write: (io, value) => io.writeInt32(value),
  read: (io) => io.readInt32(),
});
const Shop = defineService('shop', {
  buy: method<string, string>(),
  note: oneway<string>(),
  count: method({ input: number, output: number }),
});
type Methods = (typeof Shop)['methods'];

/** Opens a shop and its client, each with its own device. */
async function open(
  t: ExecutionContext,
  implementation: Partial<Implementation<Methods>>,
): Promise<Client<Methods>> {
  const domain = await startDomain(t);
  const telemetry = openTelemetry();
  const service = await domain.open({ telemetry });
  await service.expose(Shop, {
    buy: (article) => article,
    note: () => undefined,
    count: (value) => value + 1,
    ...implementation,
  });
  return (await domain.open({ telemetry })).service(Shop);
}

test('one trace covers the active span, the call, the implementation and its work', async (t) => {
  const tracer = trace.getTracer('test');
  const shop = await open(t, {
    buy: async (article) => {
      await Promise.resolve();
      tracer.startSpan('inner').end();
      return article;
    },
  });
  const outer = tracer.startSpan('outer');
  const active = trace.setSpan(context.active(), outer);
  t.is(await context.with(active, () => shop.buy('bolts')), 'bolts');
  t.deepEqual(
    spans.map(({ name, kind, ended }) => [name, kind, ended]),
    [
      ['outer', undefined, 0],
      ['shop/buy', SpanKind.CLIENT, 1],
      ['shop/buy', SpanKind.SERVER, 1],
      ['inner', undefined, 1],
    ],
  );
  const [first, client, server, inner] = spans;
  t.deepEqual(
    [client, server, inner].map((span) => span?.parentId),
    [first?.id, client?.id, server?.id],
  );
  t.is(new Set(spans.map(({ traceId }) => traceId)).size, 1);
  t.deepEqual(server?.attributes, {
    ...{ 'rpc.system': 'liteipc', 'rpc.service': 'shop', 'rpc.method': 'buy' },
    ...{ 'liteipc.caller.pid': process.pid, 'liteipc.caller.uid': process.getuid?.() },
  });
  t.is(client?.status, undefined);
});

test('an error sets exception and status on both spans', async (t) => {
  const shop = await open(t, {
    buy: () => {
      throw Object.assign(new RangeError('sold out'), { code: 'SOLD_OUT' });
    },
  });
  await t.throwsAsync(shop.buy('bolts'), { message: 'sold out' });
  t.is(spans.length, 2);
  for (const { status, attributes, exceptions, ended } of spans) {
    t.deepEqual(status, { code: SpanStatusCode.ERROR, message: 'sold out' });
    t.is(attributes['error.type'], 'SOLD_OUT');
    t.is(exceptions.length, 1);
    t.is(ended, 1);
  }
});

test('a call that is not delivered has a span', async (t) => {
  const shop = await open(t, {});
  await t.throwsAsync(shop.buy('bolts', { signal: AbortSignal.abort() }), { code: 'ABORT_ERR' });
  t.deepEqual(
    spans.map(({ kind, attributes, ended }) => [kind, attributes['error.type'], ended]),
    [[SpanKind.CLIENT, 'ABORT_ERR', 1]],
  );
});

test('one-way messages and parcels have spans; parcels carry no metadata', async (t) => {
  const noted: CallMetadata[] = [];
  const shop = await open(t, { note: (_, { metadata }) => void noted.push(metadata) });
  await shop.note('read');
  t.is(await shop.count(1), 2);
  await until(() => noted.length === 1);
  const [noteClient, ...others] = spans;
  t.is(noted[0]?.['traceparent'], `00-${noteClient?.traceId}-${noteClient?.id}-01`);
  t.deepEqual(others.map(({ name }) => name).sort(), ['shop/count', 'shop/count', 'shop/note']);
  const counted = others.find(
    ({ name, kind }) => name === 'shop/count' && kind === SpanKind.SERVER,
  );
  t.is(counted?.parentId, undefined);
});

test("the call's own metadata takes precedence, and excess baggage is dropped", async (t) => {
  let received: CallMetadata = {};
  const shop = await open(t, {
    buy: (article, { metadata }) => {
      received = metadata;
      return article;
    },
  });
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  await shop.buy('bolts', { metadata: { traceparent, aisle: '7' } });
  t.deepEqual(received, { traceparent, aisle: '7' });
  const baggage = propagation.createBaggage({ note: { value: 'x'.repeat(100) } });
  const small = propagation.setBaggage(context.active(), baggage);
  await context.with(small, () => shop.buy('bolts'));
  t.is(received['baggage'], 'x'.repeat(100));
  const large = propagation.setBaggage(
    small,
    propagation.createBaggage({ note: { value: 'x'.repeat(9000) } }),
  );
  await context.with(large, () => shop.buy('bolts', { metadata: { aisle: '8' } }));
  t.deepEqual(Object.keys(received).sort(), ['aisle', 'traceparent']);
});

test('a missing method is rejected, and methods of a class keep their `this`', async (t) => {
  const domain = await startDomain(t);
  const device = await domain.open({ telemetry: openTelemetry() });
  const Counter = defineService('counter', { next: method<void, number>() });
  await t.throwsAsync(device.expose(Counter, {} as never), { message: /counter\.next/ });
  class Counting {
    #count = 0;
    next(): number {
      return ++this.#count;
    }
  }
  await device.expose(Counter, new Counting());
  t.is(await (await device.service(Counter)).next(), 1);
  await t.throwsAsync(domain.open({ telemetry: {} as never }), { message: /telemetry\.client/ });
});

test('streams and sinks process each item in the context of their caller', async (t) => {
  const tracer = trace.getTracer('test');
  const Numbers = defineService('numbers', {
    upTo: stream<number, number>(),
    sum: sink<number, number>(),
  });
  const domain = await startDomain(t);
  const telemetry = openTelemetry();
  const service = await domain.open({ telemetry });
  await service.expose(Numbers, {
    upTo: async function* (limit) {
      for (let number = 1; number <= limit; number++) {
        await Promise.resolve();
        tracer.startSpan(`item ${number}`).end();
        yield number;
      }
    },
    sum: async (items) => {
      let sum = 0;
      for await (const item of items) sum += item;
      return sum;
    },
  });
  const numbers = await (await domain.open({ telemetry })).service(Numbers);
  const outer = tracer.startSpan('outer');
  const active = trace.setSpan(context.active(), outer);
  const items: number[] = [];
  for await (const item of context.with(active, () => numbers.upTo(3))) items.push(item);
  t.deepEqual(items, [1, 2, 3]);
  await until(() => spans.find(({ name }) => name === 'numbers/upTo')?.ended === 1);
  const server = spans.find(({ name }) => name === 'numbers/upTo');
  t.is(server?.kind, SpanKind.SERVER);
  t.is(server?.parentId, spans[0]?.id);
  const inner = spans.filter(({ name }) => name.startsWith('item'));
  t.deepEqual(
    inner.map(({ name, parentId }) => [name, parentId]),
    [1, 2, 3].map((number) => [`item ${number}`, server?.id]),
  );

  spans.length = 0;
  for await (const item of numbers.upTo(Infinity)) if (item === 5) break;
  await until(() => spans.find(({ name }) => name === 'numbers/upTo')?.ended === 1);
  t.is(await numbers.sum([1, 2, 3]), 6);
  const sums = spans.filter(({ name }) => name === 'numbers/sum');
  t.deepEqual(
    sums.map(({ kind, ended }) => [kind, ended]),
    [
      [SpanKind.CLIENT, 1],
      [SpanKind.SERVER, 1],
    ],
  );
  t.is(sums[1]?.parentId, sums[0]?.id);
});
