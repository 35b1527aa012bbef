/** Stores macros and expands them in a sequence of tokens. */
import { tokenize, type Token } from './lexer.js';
import type { Place } from './place.js';

export interface Macro {
  readonly name: string;
  /** Parameters of a function-like macro. */
  readonly parameters: readonly string[] | undefined;
  readonly body: readonly Token[];
  /** Where the macro is defined; `undefined` if the environment defines it. */
  readonly place: Place | undefined;
}

export type MacroTable = Map<string, Macro>;

/** An expression that has no value. The message states the reason. */
export class Unevaluable extends Error {
  override name = 'Unevaluable';
}

/** Limit for the expansion; no constant needs more tokens. */
const EXPANSION_MAX = 20_000;
const NESTING_MAX = 100;

export function defineMacro(
  table: MacroTable,
  name: string,
  body: string,
  place?: Place,
  parameters?: readonly string[],
): void {
  table.set(name, { name, parameters, body: tokenize(body), place });
}

/** Reads the arguments of a function-like macro. `open` is the index of its parenthesis. */
function readArguments(
  tokens: readonly Token[],
  open: number,
): { arguments: Token[][]; end: number } | undefined {
  const list: Token[][] = [[]];
  let depth = 0;
  for (let at = open; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token === undefined) break;
    if (token.text === '(') depth += 1;
    if (token.text === ')') depth -= 1;
    if (depth === 0) return { arguments: list, end: at };
    if (depth === 1 && token.text === ',') list.push([]);
    else if (at > open) list.at(-1)?.push(token);
  }
  return undefined;
}

/**
 * Expands every macro as the C preprocessor does, without `#` and `##`. A macro is not expanded
 * inside its own expansion. `keep` names macros that are not expanded.
 *
 * Throws {@link Unevaluable} if the result exceeds the limit.
 */
export function expandMacros(
  tokens: readonly Token[],
  table: MacroTable,
  keep: (name: string) => boolean = () => false,
): Token[] {
  let produced = 0;
  const active = new Set<string>();
  function expand(input: readonly Token[]): Token[] {
    if (active.size > NESTING_MAX) throw new Unevaluable('its macros are nested too deeply');
    const output: Token[] = [];
    for (let at = 0; at < input.length; at += 1) {
      const token = input[at];
      if (token === undefined) break;
      produced += 1;
      if (produced > EXPANSION_MAX) throw new Unevaluable('its macros grow without end');
      const macro = token.kind === 'identifier' ? table.get(token.text) : undefined;
      if (macro === undefined || active.has(macro.name) || keep(macro.name)) {
        output.push(token);
        continue;
      }
      let body = macro.body;
      if (macro.parameters !== undefined) {
        const call = input[at + 1]?.text === '(' ? readArguments(input, at + 1) : undefined;
        if (call === undefined) {
          output.push(token);
          continue;
        }
        const values = new Map(
          macro.parameters.map((name, index) => [name, expand(call.arguments[index] ?? [])]),
        );
        body = macro.body.flatMap((part) => values.get(part.text) ?? [part]);
        at = call.end;
      }
      active.add(macro.name);
      for (const expanded of expand(body)) output.push(expanded);
      active.delete(macro.name);
    }
    return output;
  }
  return expand(tokens);
}
