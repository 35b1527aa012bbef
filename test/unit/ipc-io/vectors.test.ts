/**
 * Tests the parcels of test/native/support/ipc_io_vectors.h. A C program creates the same bytes
 * from the same file.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { IpcIo } from 'liteipc/native';
import { root } from '#test/support/paths.js';

const file = join(root, 'test/native/support/ipc_io_vectors.h');

interface Step {
  readonly macro: string;
  readonly words: readonly string[];
}

interface Vector {
  readonly expected: string;
  readonly steps: readonly Step[];
}

/** Returns the entries of the file: `PARCEL("hex", MACRO(word, ...) ...)`. */
function parse(text: string): Vector[] {
  const vectors: Vector[] = [];
  const entry = /^(?:ILP32_)?PARCEL\("([0-9a-f ]*)",((?:\s*[A-Z0-9]+\([^()]*\))+)\)$/gm;
  for (const [, expected = '', body = ''] of text.matchAll(entry)) {
    const steps = [...body.matchAll(/([A-Z0-9]+)\(([^()]*)\)/g)].map(
      ([, macro = '', list = '']) => ({
        macro,
        words: list.split(',').map((word) => word.trim()),
      }),
    );
    vectors.push({ expected: expected.replaceAll(' ', ''), steps });
  }
  return vectors;
}

function integer(word: string): bigint {
  return word.startsWith('-') ? -BigInt(word.slice(1)) : BigInt(word);
}

/** Returns the value of a word of C for a type of this name. */
function value(type: string, word: string): unknown {
  if (type.startsWith('Bool')) return word === 'true';
  if (/64/.test(type)) return integer(word);
  return /Float|Double/.test(type) ? Number(word) : Number(integer(word));
}

function text(word: string): string {
  return JSON.parse(word.replace(/^u/, '')) as string;
}

type Method = (...input: unknown[]) => unknown;
type Operation = [type: string, input: unknown, read: unknown[]];

/** The type that a step writes, its arguments, and the arguments of the read. */
function operation({ macro, words }: Step): Operation {
  const [first = '', ...rest] = words;
  switch (macro) {
    case 'VALUE':
      return [first, value(first, rest[0] ?? ''), []];
    case 'TEXT':
      return ['String', text(first), []];
    case 'TEXT16':
      return ['String16', text(first), []];
    case 'TOKEN':
      return ['InterfaceToken', text(first), []];
    case 'BYTES':
      return [first, Uint8Array.from(rest, Number), first === 'Buffer' ? [rest.length] : []];
    case 'LIST':
      return [first, rest.map((word) => value(first, word)), []];
    case 'DESCRIPTOR':
      return ['FileDescriptor', Number(first), []];
    case 'OBJECT': {
      const [handle, token, cookie] = words.map(Number);
      return ['RemoteObject', { handle, token, cookie }, []];
    }
    default:
      throw new Error(`unknown step ${macro}`);
  }
}

function invoke(io: IpcIo, name: string, input: unknown[]): unknown {
  return (io as unknown as Record<string, Method>)[name]?.(...input);
}

function plain(result: unknown): unknown {
  return ArrayBuffer.isView(result) ? Array.from(result as Uint8Array) : result;
}

const content = readFileSync(file, 'utf8');
const vectors = parse(content);

test('every entry of the file is understood', (t) => {
  t.is(vectors.length, [...content.matchAll(/^(ILP32_)?PARCEL\(/gm)].length);
  t.true(vectors.length >= 40);
});

for (const { expected, steps } of vectors) {
  const name = steps.map(({ macro, words }) => `${macro}(${words.join(', ')})`).join(' ');
  test(`the bytes are those of C: ${name}`, (t) => {
    const io = new IpcIo();
    const operations = steps.map(operation);
    for (const [type, input] of operations) invoke(io, `write${type}`, [input]);
    t.is(Buffer.from(io.data).toString('hex'), expected);
    const received = IpcIo.from(Buffer.from(expected, 'hex'), io.offsets);
    for (const [type, input, read] of operations) {
      t.deepEqual(plain(invoke(received, `read${type}`, read)), plain(input));
    }
    t.is(received.remaining, 0);
  });
}
