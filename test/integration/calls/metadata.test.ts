/** Tests the metadata of calls. */
import ava from 'ava';
import { defineService, method, oneway, type CallMetadata } from 'liteipc';
import { parcel } from 'liteipc/native';
import { Encoder } from '#lib/wire/codec.js';
import { methodsOf, type ContractMethod } from '#lib/contract/method-table.js';
import { METADATA_MAX } from '#lib/contract/metadata.js';
import { encodeMetadata, readMetadata } from '#lib/wire/metadata.js';
import { startDomain } from '#test/support/domain.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';
import { until } from '#test/support/deadlines.js';

usePrivateRuntime();
const test = ava;

const number = parcel<number>({
  write: (io, value) => {
    io.writeInt32(value);
  },
  read: (io) => io.readInt32(),
});

const Traced = defineService('traced', {
  see: method<unknown, [unknown, CallMetadata]>(),
  nothing: method<void, CallMetadata>(),
  note: oneway<string>(),
  fixed: method({ input: number }),
});

const trace = {
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  tracestate: 'vendor=t61rcWkgMzE,other=ü',
};

async function traced(t: Parameters<typeof startDomain>[0]) {
  const domain = await startDomain(t);
  const service = await domain.open();
  const notes: [string, CallMetadata][] = [];
  await service.expose(Traced, {
    see: (value, call) => [value, call.metadata],
    nothing: (_input, call) => call.metadata,
    note: (text, call) => void notes.push([text, call.metadata]),
    fixed: () => undefined,
  });
  const device = await domain.open();
  return { client: await device.service(Traced), notes };
}

test('metadata arrives beside every kind of input', async (t) => {
  const { client, notes } = await traced(t);
  // The first call waits for its lane.
  for (let round = 0; round < 2; round++) {
    const inputs = [undefined, null, 5, 'text', new Map([[1, 'rich']]), Buffer.alloc(50_000, 1)];
    for (const input of inputs) {
      t.deepEqual(await client.see(input, { metadata: trace }), [input, trace]);
    }
    t.deepEqual(await client.nothing(undefined, { metadata: trace }), trace);
  }
  await client.note('a', { metadata: trace });
  await client.note('b');
  await until(() => notes.length === 2);
  t.deepEqual(notes, [
    ['a', trace],
    ['b', {}],
  ]);
});

test('a call without metadata has none, also after a call with metadata', async (t) => {
  const { client } = await traced(t);
  const calls = [
    client.see(1),
    client.see(2, { metadata: trace }),
    client.see(3, { timeoutMs: 4000 }),
  ];
  t.deepEqual(await Promise.all(calls), [
    [1, {}],
    [2, trace],
    [3, {}],
  ]);
  t.deepEqual(await client.see(4, { metadata: {} }), [4, {}]);
});

test('invalid, too large or parcel metadata is rejected', async (t) => {
  const { client } = await traced(t);
  await t.throwsAsync(client.see(1, { metadata: { a: 1 } as never }), {
    instanceOf: TypeError,
    message: 'Expected text for metadata of traced.see.a but received number 1',
  });
  await t.throwsAsync(client.see(1, { metadata: [] as never }), { instanceOf: TypeError });
  await t.throwsAsync(client.see(1, { metadata: { a: 'x'.repeat(METADATA_MAX) } }), {
    code: 'EMSGSIZE',
    message: /^traced\.see: the metadata takes \d+ bytes; the maximum is 8192 \(EMSGSIZE\)$/,
  });
  const [text, texts] = await client.see('y'.repeat(65_500), { metadata: { a: 'x'.repeat(100) } });
  t.deepEqual([(text as string).length, texts], [65_500, { a: 'x'.repeat(100) }]);
  await t.throwsAsync(client.fixed(1, { metadata: trace }), {
    code: 'EINVAL',
    message: 'traced.fixed: a parcel cannot carry metadata (EINVAL)',
  });
  t.deepEqual(await client.see(1), [1, {}]);
});

test('forged metadata is EPROTO and does not crash', (t) => {
  const encoder = new Encoder(new Uint8Array(70_000));
  const metadata = encodeMetadata(encoder, trace, methodsOf(Traced)[0] as ContractMethod);
  encoder.encode('data');
  encoder.append(metadata);
  const good = Buffer.from(encoder.copy());
  t.deepEqual(readMetadata(good, 0, good.length).metadata, trace);
  for (let size = 0; size < good.length; size++) {
    const cut = good.subarray(0, size);
    t.throws(() => readMetadata(cut, 0, size), { code: 'EPROTO' }, String(size));
  }
  for (const texts of [5, ['a'], { a: 1 }, null]) {
    encoder.encode(texts);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(encoder.size);
    const forged = Buffer.concat([encoder.copy(), size]);
    t.throws(() => readMetadata(forged, 0, forged.length), { code: 'EPROTO' });
  }
});
