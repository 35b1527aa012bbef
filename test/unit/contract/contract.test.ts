/** Tests the definition of contracts, and the comparison of the contracts of two sides. */
import test from 'ava';
import { z } from 'zod';
import { defineService, duplex, event, method, oneway, sink, stream } from 'liteipc';
import { parcel } from 'liteipc/native';
import { shapeDifferences, shapeHash, shapeOf } from '#lib/contract/shape.js';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';

usePrivateRuntime();

test('a contract preserves its name and the order of its methods', (t) => {
  const contract = defineService('shop.orders', {
    place: method({ input: z.string(), output: z.number() }),
    note: oneway<string>(),
  });
  t.is(contract.name, 'shop.orders');
  t.deepEqual(Object.keys(contract.methods), ['place', 'note']);
  t.is(contract.methods.note.kind, 'oneway');
  t.truthy(contract.methods.place.input);
});

for (const name of ['', 'a'.repeat(65), 'with space', 'ümlaut', 7, undefined]) {
  test(`defineService rejects the name ${String(name).slice(0, 12)} (${typeof name})`, (t) => {
    const error = t.throws(() => defineService(name as string, { a: method() }), {
      instanceOf: TypeError,
    });
    t.regex(error.message, /^Expected 1 to 64 .* for the name of the service but received /);
  });
}

test('names that JavaScript reads from every object cannot be methods', (t) => {
  for (const name of ['then', 'constructor', 'toJSON', '__proto__', '1a', 'a-b']) {
    const methods = Object.fromEntries([[name, method()]]);
    t.throws(() => defineService('s', methods), { message: /a name that is free for a method/ });
  }
});

test('a contract needs at least one method, and accepts only method definitions', (t) => {
  t.throws(() => defineService('s', { a: 5 as never }), {
    message: 'Expected method(...), oneway(...) or the like for s.a but received number 5',
  });
  t.throws(() => defineService('s', {}), { message: /1 to 1024 methods/ });
  t.throws(() => defineService('s', null as never), { message: /received null/ });
});

test('a schema must be a Standard Schema', (t) => {
  t.throws(() => method({ input: { parse: () => 1 } as never }), {
    message:
      'Expected a Standard Schema (version 1) validator or a parcel() ' +
      'for input of method() but received Object',
  });
  t.throws(() => oneway({ output: z.string() } as never), { message: /no output for oneway/ });
});

test('the hash depends only on names, kinds and order', (t) => {
  const one = { a: { kind: 'method' }, b: { kind: 'oneway' } };
  t.is(shapeHash(one), shapeHash({ a: { kind: 'method' }, b: { kind: 'oneway' } }));
  t.not(shapeHash(one), shapeHash({ b: { kind: 'oneway' }, a: { kind: 'method' } }));
  t.not(shapeHash(one), shapeHash({ a: { kind: 'method' }, b: { kind: 'method' } }));
  t.not(shapeHash(one), shapeHash({ a: { kind: 'method' }, c: { kind: 'oneway' } }));
});

const shapeFrom = (methods: Record<string, string>): string =>
  shapeOf(Object.fromEntries(Object.entries(methods).map(([name, kind]) => [name, { kind }])));

test('the differences of two shapes name every method', (t) => {
  const shape = shapeFrom;
  const ours = shape({ a: 'method', b: 'method' });
  t.deepEqual(shapeDifferences(ours, ours), []);
  t.deepEqual(shapeDifferences(ours, shape({ a: 'method' })), ['the service lacks "b" (method)']);
  t.deepEqual(shapeDifferences(ours, shape({ a: 'method', c: 'method' })), [
    'the service lacks "b" (method)',
    'the service also has "c" (method)',
  ]);
  t.deepEqual(shapeDifferences(ours, shape({ a: 'oneway', b: 'stream' })), [
    '"a" is method here and oneway in the service',
    '"b" is method here and stream in the service',
  ]);
  t.deepEqual(shapeDifferences(ours, shape({ b: 'method', a: 'method' })), [
    '"a" is method 1 here and 2 in the service',
    '"b" is method 2 here and 1 in the service',
  ]);
  // A missing method does not count as a change of order of the others.
  t.deepEqual(
    shapeDifferences(
      shape({ x: 'event', a: 'method', b: 'sink' }),
      shape({ a: 'method', b: 'duplex' }),
    ),
    ['the service lacks "x" (event)', '"b" is sink here and duplex in the service'],
  );
  t.deepEqual(shapeDifferences(ours, ''), [
    'the service lacks "a" (method)',
    'the service lacks "b" (method)',
  ]);
});

test('the hash contains every kind', (t) => {
  const kinds = [
    method(),
    oneway(),
    stream<void, number>(),
    sink<number>(),
    duplex<number, number>(),
    event(),
  ];
  const hashes = kinds.map((a) => defineService('s', { a }).hash);
  t.is(new Set(hashes).size, kinds.length);
});

test('the hash does not contain the version', (t) => {
  const one = defineService('s', { a: method() }, { version: '1.0.0' });
  t.is(one.version, '1.0.0');
  t.is(one.hash, defineService('s', { a: method() }).hash);
  t.is(defineService('s', { a: method() }).version, undefined);
  for (const version of ['', 'a b', 'x'.repeat(65), 1, null]) {
    t.throws(() => defineService('s', { a: method() }, { version: version as string }), {
      instanceOf: TypeError,
      message: /^Expected 1 to 64 visible characters for the version of service s but received /,
    });
  }
});

test('a mismatch names the versions and every method; different versions alone are no mismatch', async (t) => {
  const domain = await startDomain(t);
  const service = await domain.open();
  const served = defineService(
    'shop',
    { list: stream<void, string>(), buy: method<string>(), sold: event<string>() },
    { version: '2.0.0' },
  );
  await service.expose(served, { list: () => [], buy: () => undefined });
  const client = await domain.open();
  const methods = { list: method<void, string[]>(), buy: method<string>(), undo: oneway() };
  await t.throwsAsync(client.service(defineService('shop', methods, { version: '1.4.0' })), {
    code: 'EPROTO',
    message:
      'Service "shop" has another contract (version 1.4.0 here, 2.0.0 in the service): ' +
      '"list" is method here and stream in the service; the service lacks "undo" (oneway); ' +
      'the service also has "sold" (event). Use the same contract on both sides (EPROTO)',
  });
  await t.throwsAsync(client.service(defineService('shop', methods)), {
    message: /\(version none here, 2\.0\.0 in the service\)/,
  });
  const newer = defineService('shop', served.methods, { version: '2.1.0' });
  await (await client.service(newer)).buy('tea');
});

test('only method and oneway accept parcels', (t) => {
  const format = parcel<number>({
    write: (io, value) => io.writeInt32(value),
    read: (io) => io.readInt32(),
  });
  for (const make of [stream, sink, duplex] as ((schemas: object) => unknown)[]) {
    for (const schemas of [{ input: format }, { output: format }]) {
      t.throws(() => make(schemas), {
        instanceOf: TypeError,
        message: /^Expected no parcel\(\) for /,
      });
    }
  }
  t.throws(() => event({ output: format as never }), { message: /no parcel\(\) for event\(\)/ });
  t.throws(() => event({ input: z.string() } as never), { message: /no input for event/ });
});
