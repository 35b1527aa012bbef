/** Contracts: what is refused when they are written, and what both sides must agree on. */
import test from 'ava';
import { z } from 'zod';
import { defineService, method, oneway } from 'liteipc';
import { shapeDifference, shapeHash, shapeOf } from '#lib/contract-shape.js';

test('a contract keeps its name and its methods in order', (t) => {
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
  test(`a service cannot be named ${String(name).slice(0, 12)} (${typeof name})`, (t) => {
    const error = t.throws(() => defineService(name as string, { a: method() }), {
      instanceOf: TypeError,
    });
    t.regex(error.message, /^Expected 1 to 64 .* for the name of the service but received /);
  });
}

test('names that JavaScript looks up by itself cannot be methods', (t) => {
  for (const name of ['then', 'constructor', 'toJSON', '__proto__', '1a', 'a-b']) {
    const methods = Object.fromEntries([[name, method()]]);
    t.throws(() => defineService('s', methods), { message: /a name that is free for a method/ });
  }
});

test('methods must be made by method() or oneway(), and there must be one', (t) => {
  t.throws(() => defineService('s', { a: 5 as never }), {
    message: 'Expected method(...) or oneway(...) for s.a but received number 5',
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

test('the hash depends on names, kinds and order, on nothing else', (t) => {
  const one = { a: { kind: 'method' }, b: { kind: 'oneway' } };
  t.is(shapeHash(one), shapeHash({ a: { kind: 'method' }, b: { kind: 'oneway' } }));
  t.not(shapeHash(one), shapeHash({ b: { kind: 'oneway' }, a: { kind: 'method' } }));
  t.not(shapeHash(one), shapeHash({ a: { kind: 'method' }, b: { kind: 'method' } }));
  t.not(shapeHash(one), shapeHash({ a: { kind: 'method' }, c: { kind: 'oneway' } }));
});

test('the difference of two shapes names the method', (t) => {
  const shape = (methods: Record<string, string>): string =>
    shapeOf(Object.fromEntries(Object.entries(methods).map(([name, kind]) => [name, { kind }])));
  const ours = shape({ a: 'method', b: 'method' });
  t.is(shapeDifference(ours, shape({ a: 'method' })), 'the service lacks "b" (method)');
  t.is(
    shapeDifference(ours, shape({ a: 'method', c: 'method' })),
    'the service lacks "b" (method); its method 2 is "c" (method)',
  );
  t.is(
    shapeDifference(ours, shape({ a: 'oneway', b: 'method' })),
    'method 1 is "a" (method) here and "a" (oneway) in the service',
  );
  t.is(
    shapeDifference(ours, shape({ a: 'method', b: 'method', c: 'oneway' })),
    'the service also has "c" (oneway)',
  );
});
