/** Tests the conversion of errors to their form on the wire and back. */
import test from 'ava';
import { LiteIpcError, RemoteError } from 'liteipc';
import { ReplyCode, fromWireError, toWireError } from '#lib/wire/remote-error.js';
import { codeOfStatus } from '#lib/common/errors.js';

const about = { service: 'shop', method: 'buy' };

function thrownThere(thrown: unknown): RemoteError {
  const error = fromWireError(toWireError(thrown), ReplyCode.Thrown, about);
  if (!(error instanceof RemoteError)) throw error;
  return error;
}

test('an exception arrives with name, message, code, cause and remote stack', (t) => {
  const cause = Object.assign(new TypeError('inner'), { code: 'E_INNER' });
  const error = thrownThere(Object.assign(new RangeError('outer', { cause }), { code: 'E_OUTER' }));
  t.true(error instanceof RemoteError);
  t.true(error instanceof LiteIpcError);
  t.like(error, { name: 'RangeError', message: 'outer', code: 'E_OUTER', ...about });
  t.regex(error.remoteStack ?? '', /^RangeError: outer\n.*remote-error\.test/);
  t.like(error.cause, { name: 'TypeError', message: 'inner', code: 'E_INNER' });
});

test('own properties arrive without replacing standard properties', (t) => {
  const thrown = Object.assign(new Error('full'), {
    ...{ status: 507, details: new Map([[1, 'a']]), code: 12 },
    ...{ service: 'forged', remoteStack: 'forged', toString: 'forged' },
  });
  const error = thrownThere(thrown);
  t.like(error, { status: 507, code: 'EREMOTE', service: 'shop' });
  t.deepEqual((error as unknown as typeof thrown).details, new Map([[1, 'a']]));
  t.not(error.remoteStack, 'forged');
  t.is(typeof error.toString, 'function');
});

test('any value can be thrown', (t) => {
  t.like(thrownThere('a text'), { message: 'a text', code: 'EREMOTE' });
  t.like(thrownThere(undefined), { message: 'undefined' });
  t.like(thrownThere(Object.create(null)), { message: 'a value that cannot be shown' });
});

test('cause chains and texts have a maximum length', (t) => {
  const looped = new Error('looped');
  looped.cause = looped;
  let depth = 0;
  for (let error: unknown = thrownThere(looped); error instanceof Error; error = error.cause)
    depth++;
  t.true(depth > 2 && depth < 20);
  t.true(thrownThere(new Error('x'.repeat(100_000))).message.length < 5000);
});

test('a refusal is an error of LiteIPC with any code', (t) => {
  const refusal = { name: 'LiteIpcError', message: 'no', code: 'EACCES' };
  const error = fromWireError(refusal, ReplyCode.Refused, about);
  t.false(error instanceof RemoteError);
  t.like(error, { name: 'LiteIpcError', code: 'EACCES', message: 'no' });
});

test('an invalid error is EPROTO', (t) => {
  for (const value of [5, {}, { name: 'a' }, { name: 'a', message: 'b', cause: 1 }]) {
    t.like(fromWireError(value, ReplyCode.Thrown, about), { code: 'EPROTO' });
  }
});

test('a failure without data is EREMOTE', (t) => {
  const error = fromWireError(undefined, 7, about);
  t.true(error instanceof RemoteError);
  t.like(error, { code: 'EREMOTE' });
  t.regex(error.message, /failed and gave no reason/);
});

test('codes are the errno names of Linux', (t) => {
  t.is(codeOfStatus(-11), 'EAGAIN');
  t.is(codeOfStatus(-13), 'EACCES');
  t.is(codeOfStatus(-62), 'ETIME');
  t.is(codeOfStatus(-9999), 'E9999');
});
