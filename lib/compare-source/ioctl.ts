/** Computes the numbers of ioctl commands as `_IOC` does on ARM, AArch64 and x86. */
import { Unevaluable } from './macros.js';
import type { Token } from './lexer.js';

export interface IoctlCommand {
  readonly direction: '_IO' | '_IOR' | '_IOW' | '_IOWR';
  /** The character or number that all commands of a driver share. */
  readonly magic: number;
  readonly number: number;
  /** Size of the argument, in bytes. */
  readonly size: number;
  /** The whole command, an unsigned 32-bit number. */
  readonly value: number;
}

const DIRECTIONS = { _IO: 0, _IOW: 1, _IOR: 2, _IOWR: 3 } as const;

export const IOCTL_MACROS: ReadonlySet<string> = new Set(Object.keys(DIRECTIONS));

/** Returns whether the replacement of a macro is an ioctl command. */
export function isIoctl(body: readonly Token[]): boolean {
  return IOCTL_MACROS.has(body[0]?.text ?? '') && body[1]?.text === '(';
}

/**
 * Reads `_IOWR(magic, number, type)` after macro expansion. `integer` evaluates an expression.
 * Throws {@link Unevaluable}.
 */
export function readIoctl(
  body: readonly Token[],
  integer: (tokens: readonly Token[]) => bigint,
): IoctlCommand {
  const direction = body[0]?.text as IoctlCommand['direction'];
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of body.slice(1)) {
    if (token.text === ')') depth -= 1;
    if (depth === 1 && token.text === ',') parts.push([]);
    else if (depth > 0) parts.at(-1)?.push(token);
    if (token.text === '(') depth += 1;
  }
  const expected = direction === '_IO' ? 2 : 3;
  if (depth !== 0 || parts.length !== expected) {
    throw new Unevaluable(`${direction} takes ${expected} arguments`);
  }
  const [magicTokens = [], numberTokens = [], type] = parts;
  const magic = Number(integer(magicTokens));
  const number = Number(integer(numberTokens));
  const bracket = (text: string): Token => ({ kind: 'punctuator', text, start: 0 });
  const sizeOf: Token = { kind: 'identifier', text: 'sizeof', start: 0 };
  const size =
    type === undefined ? 0 : Number(integer([sizeOf, bracket('('), ...type, bracket(')')]));
  if (magic < 0 || magic > 0xff || number < 0 || number > 0xff || size >= 1 << 14) {
    throw new Unevaluable('a part of the number does not fit its bits');
  }
  const value = ((DIRECTIONS[direction] << 30) | (size << 16) | (magic << 8) | number) >>> 0;
  return { direction, magic, number, size, value };
}
