/**
 * Implements the part of the C preprocessor that a comparison needs: conditions and macros of one
 * text. Disabled branches and directives become spaces, so that places do not change. Includes are
 * not followed; `abi.ts` has the definitions of the kernel's base headers.
 */
import type { Abi } from './abi.js';
import { evaluateInteger } from './expression.js';
import { blank, blankComments, tokenize, type Token } from './lexer.js';
import { Unevaluable, defineMacro, expandMacros, type MacroTable } from './macros.js';
import type { Finding, SourceText } from './place.js';

export interface Preprocessed {
  /** Has the same length as the source. */
  readonly text: string;
  readonly findings: Finding[];
  /** Names of the kernel's configuration (`LOSCFG_…`) that any condition refers to. */
  readonly switches: ReadonlySet<string>;
}

interface Condition {
  /** True if the enclosing text is compiled. */
  readonly outer: boolean;
  /** True if an earlier branch of this condition was compiled. */
  taken: boolean;
  active: boolean;
  seenElse: boolean;
  readonly start: number;
}

/** Nesting limit; no compiler accepts deeper conditions. */
const NESTING_MAX = 1000;

class Preprocessor {
  readonly findings: Finding[] = [];
  readonly switches = new Set<string>();
  readonly #stack: Condition[] = [];

  constructor(
    private readonly source: SourceText,
    private readonly macros: MacroTable,
    private readonly abi: Abi,
    private readonly overrides: Readonly<Record<string, string>>,
  ) {}

  run(): string {
    const { text, unterminated } = blankComments(this.source.text);
    if (unterminated !== undefined) this.#report(unterminated, 'a comment without an end');
    const parts: string[] = [];
    let at = 0;
    while (at < text.length) {
      let end = endOfLine(text, at);
      if (/^[ \t\f\v]*#/.test(text.slice(at, end))) {
        while (end < text.length && /\\\r?\n$/.test(text.slice(Math.max(at, end - 3), end))) {
          end = endOfLine(text, end);
        }
        const line = text.slice(at, end);
        this.#directive(line.replaceAll(/\\\r?\n/g, ' ').trim(), at + line.indexOf('#'));
        parts.push(blank(line));
      } else {
        const line = text.slice(at, end);
        parts.push(this.#isActive() ? line : blank(line));
      }
      at = end;
    }
    for (const { start } of this.#stack) this.#report(start, 'a condition without #endif');
    return parts.join('');
  }

  #report(offset: number, message: string): void {
    this.findings.push({ place: this.source.placeAt(offset), message });
  }

  #isActive(): boolean {
    return this.#stack.at(-1)?.active ?? true;
  }

  #directive(line: string, start: number): void {
    const [, name = '', rest = ''] = /^#\s*([A-Za-z_]*)([\s\S]*)$/.exec(line) ?? [];
    switch (name) {
      case 'if':
      case 'ifdef':
      case 'ifndef':
        this.#open(name, rest, start);
        break;
      case 'elif':
      case 'else':
        this.#next(name, rest, start);
        break;
      case 'endif':
        if (this.#stack.pop() === undefined) this.#report(start, '#endif without a condition');
        break;
      case 'define':
        if (this.#isActive()) this.#define(rest.trim(), start);
        break;
      case 'undef':
        if (this.#isActive()) this.macros.delete(rest.trim());
        break;
      case 'error':
        if (this.#isActive()) this.#report(start, `the text refuses to be compiled: ${line}`);
        break;
      case 'include':
      case 'pragma':
      case 'line':
      case 'warning':
      case 'import':
      case '':
        break;
      default:
        if (this.#isActive()) this.#report(start, `#${name} is no directive of C`);
    }
  }

  #open(name: string, rest: string, start: number): void {
    const outer = this.#isActive();
    if (this.#stack.length === NESTING_MAX) {
      this.#report(start, `conditions nested more than ${NESTING_MAX} deep`);
    }
    const expression = name === 'if' ? rest : ` ${name === 'ifndef' ? '!' : ''}defined(${rest})`;
    const active = this.#condition(expression, start, outer) && outer;
    this.#stack.push({ outer, taken: active, active, seenElse: false, start });
  }

  #next(name: string, rest: string, start: number): void {
    const top = this.#stack.at(-1);
    if (top === undefined || top.seenElse) {
      this.#report(start, `#${name} without a condition`);
      return;
    }
    const wanted = name === 'else' || this.#condition(rest, start, top.outer && !top.taken);
    top.seenElse = name === 'else';
    top.active = top.outer && !top.taken && wanted;
    top.taken ||= top.active;
  }

  #define(rest: string, start: number): void {
    const [, name, parameters, body = ''] =
      /^([A-Za-z_]\w*)(?:\(([^)]*)\))?([\s\S]*)$/.exec(rest) ?? [];
    if (name === undefined) {
      this.#report(start, '#define without a name');
      return;
    }
    const list = parameters?.split(',').map((parameter) => parameter.trim());
    const value = Object.hasOwn(this.overrides, name) ? this.overrides[name] : undefined;
    defineMacro(this.macros, name, value ?? body.trim(), this.source.placeAt(start), list);
  }

  /** Evaluates a condition. `matters` is false if its value decides nothing. */
  #condition(expression: string, start: number, matters: boolean): boolean {
    const tokens = tokenize(expression);
    for (const { kind, text } of tokens) {
      if (kind === 'identifier' && text.startsWith('LOSCFG_')) this.switches.add(text);
    }
    if (!matters) return false;
    try {
      const expanded = expandMacros(this.#resolveDefined(tokens), this.macros);
      const scope = { abi: this.abi, valueOf: () => 0n, sizeOf: () => undefined };
      return evaluateInteger(expanded, scope).value !== 0n;
    } catch (error) {
      if (!(error instanceof Unevaluable)) throw error;
      this.#report(start, `a condition that is not understood: ${error.message}`);
      return false;
    }
  }

  #resolveDefined(tokens: readonly Token[]): Token[] {
    const output: Token[] = [];
    for (let at = 0; at < tokens.length; at += 1) {
      const token = tokens[at];
      if (token === undefined) break;
      if (token.text !== 'defined') {
        output.push(token);
        continue;
      }
      const hasBracket = tokens[at + 1]?.text === '(';
      const name = tokens[at + (hasBracket ? 2 : 1)];
      if (name?.kind !== 'identifier') throw new Unevaluable('defined without a name');
      at += hasBracket ? 3 : 1;
      const text = this.macros.has(name.text) ? '1' : '0';
      output.push({ kind: 'number', text, start: token.start });
    }
    return output;
  }
}

function endOfLine(text: string, start: number): number {
  const end = text.indexOf('\n', start);
  return end < 0 ? text.length : end + 1;
}

/**
 * Resolves the conditions of a text and adds its macros to the table. `overrides` holds values that
 * replace the values in the text.
 */
export function preprocess(
  source: SourceText,
  macros: MacroTable,
  abi: Abi,
  overrides: Readonly<Record<string, string>> = {},
): Preprocessed {
  const preprocessor = new Preprocessor(source, macros, abi, overrides);
  const text = preprocessor.run();
  return { text, findings: preprocessor.findings, switches: preprocessor.switches };
}
