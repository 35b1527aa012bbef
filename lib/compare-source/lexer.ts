/** Splits C text into tokens and removes comments. */

export type TokenKind = 'identifier' | 'number' | 'string' | 'character' | 'punctuator';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Offset in the tokenized text. */
  readonly start: number;
}

const SPACE = /[ \t\r\n\f\v]+/y;
const TOKENS: readonly (readonly [TokenKind, RegExp])[] = [
  ['identifier', /[A-Za-z_$][\w$]*/y],
  ['number', /\.?\d(?:[eEpP][+-]|[\w.])*/y],
  ['string', /"(?:[^"\\\n]|\\.){0,65536}"/y],
  ['character', /'(?:[^'\\\n]|\\.){1,16}'/y],
  ['punctuator', /<<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||##|[-+*/%&|^]=|[^\s\w]/y],
];

/**
 * Returns all tokens of a text without comments. A character that is no C token becomes a
 * punctuator.
 */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    SPACE.lastIndex = at;
    if (SPACE.test(text)) {
      at = SPACE.lastIndex;
      continue;
    }
    const start = at;
    for (const [kind, pattern] of TOKENS) {
      pattern.lastIndex = start;
      if (pattern.test(text)) {
        at = pattern.lastIndex;
        tokens.push({ kind, text: text.slice(start, at), start });
        break;
      }
    }
    if (at === start) at += 1;
  }
  return tokens;
}

/** Replaces everything except line ends with spaces, so that offsets do not change. */
export function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, ' ');
}

function endOfLiteral(text: string, start: number): number {
  const quote = text[start];
  for (let at = start + 1; at < text.length && text[at] !== '\n'; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === quote) return at + 1;
  }
  // No closing quote on this line: a single quote, as in the text of an #error.
  return start + 1;
}

function endOfLineComment(text: string, start: number): number {
  let end = text.indexOf('\n', start);
  while (end > 0 && /\\\r?$/.test(text.slice(Math.max(0, end - 2), end))) {
    end = text.indexOf('\n', end + 1);
  }
  return end < 0 ? text.length : end;
}

/**
 * Returns the text with comments replaced by spaces, with the same length. `unterminated` is the
 * offset of a comment without an end; it extends to the end of the text.
 */
export function blankComments(text: string): { text: string; unterminated: number | undefined } {
  const parts: string[] = [];
  let unterminated: number | undefined;
  let copied = 0;
  let at = 0;
  while (at < text.length) {
    const here = text[at];
    const next = text[at + 1];
    if (here === '"' || here === "'") {
      at = endOfLiteral(text, at);
    } else if (here === '/' && (next === '*' || next === '/')) {
      const close = next === '*' ? text.indexOf('*/', at + 2) : endOfLineComment(text, at);
      if (close < 0) unterminated = at;
      const end = close < 0 ? text.length : next === '*' ? close + 2 : close;
      parts.push(text.slice(copied, at), blank(text.slice(at, end)));
      copied = end;
      at = end;
    } else {
      at += 1;
    }
  }
  parts.push(text.slice(copied));
  return { text: parts.join(''), unterminated };
}
