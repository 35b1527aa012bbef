/** Reads the input of `liteipc call`: an argument or standard input, whole or line by line. */
import { fstatSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { parse, printParseErrorCode, type ParseError } from 'jsonc-parser';
import { UsageError } from '../../common/usage-error.js';
import { fromJson, type Json } from './plain-json.js';

/** Returns the first syntax error with line and column. */
function positionOf(source: string): string {
  const errors: ParseError[] = [];
  parse(source, errors, { disallowComments: true });
  const [first] = errors;
  if (first === undefined) return '';
  const before = source.slice(0, first.offset).split('\n');
  const column = (before.at(-1) ?? '').length + 1;
  return `:${before.length}:${column}: ${printParseErrorCode(first.error)}`;
}

/** Parses JSON text. `where` begins the error message. Empty text means no input. */
export function parseInput(source: string, where: string): unknown {
  if (source.trim() === '') return undefined;
  let json: Json;
  try {
    json = JSON.parse(source) as Json;
  } catch {
    throw new UsageError(`call: ${where}${positionOf(source)}; the text is not JSON`);
  }
  try {
    return fromJson(json);
  } catch (error) {
    throw new UsageError(`call: ${where}: ${(error as Error).message}`, { cause: error });
  }
}

/** Returns whether standard input is a pipe or a file. */
function isPiped(): boolean {
  try {
    const facts = fstatSync(0);
    return facts.isFIFO() || facts.isFile();
  } catch {
    return false;
  }
}

/**
 * Reads the whole input. `-` means standard input, and so does no argument if it is a pipe or a
 * file.
 */
export async function readInput(argument: string | undefined): Promise<unknown> {
  if (argument !== undefined && argument !== '-') return parseInput(argument, 'the input');
  if (argument === undefined && !isPiped()) return undefined;
  return parseInput(await text(process.stdin), 'standard input');
}

/**
 * Yields a value for each line that is not empty. `onBad` receives the error of an invalid line,
 * which ends the iteration.
 */
export async function* readLines(
  onBad: (error: Error) => void,
): AsyncGenerator<unknown, void, undefined> {
  let number = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    number += 1;
    if (line.trim() === '') continue;
    let value: unknown;
    try {
      value = parseInput(line, `line ${number} of standard input`);
    } catch (error) {
      onBad(error as Error);
      throw error;
    }
    yield value;
  }
}
