/**
 * Finds the error codes that a function itself produces: codes that it returns or stores in a
 * variable by name. Codes that only pass through belong to the function that produced them.
 */
import { constants } from 'node:os';
import type { MacroTable } from './macros.js';
import type { Place } from './place.js';
import { walk, type Node } from './syntax.js';

/** A code, such as `EINVAL` for `-EINVAL`. A code without a minus sign is written `+EINVAL`. */
export interface ErrorCode {
  readonly code: string;
  readonly place: Place;
}

const NAME = /^(?:LOS_)?E[A-Z][A-Z0-9]+$/;

const NAMES_BY_NUMBER = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
);

/** Returns the code if a macro expands to `-EINVAL` or the like. */
function codeOfMacro(name: string, macros: MacroTable): string | undefined {
  const macro = macros.get(name);
  if (macro === undefined || macro.parameters !== undefined) return undefined;
  const body = macro.body.map(({ text }) => text).join('');
  return /^\(*-\(*((?:LOS_)?E[A-Z][A-Z0-9]+)\)*$/.exec(body)?.[1];
}

/** Returns the name of a numeric code: `-22` is `EINVAL`. `-1` means "no" and not `EPERM`. */
function codeOfNumber(text: string): string | undefined {
  const digits = /^-(\d{1,4})[uUlL]*$/.exec(text)?.[1];
  const number = Number(digits ?? 0);
  if (digits === undefined || number === 0) return undefined;
  return number === 1 ? '-1' : (NAMES_BY_NUMBER.get(number) ?? `-${digits}`);
}

function plainCode(name: string, macros: MacroTable): string | undefined {
  if (NAME.test(name) && !macros.has(name)) return `+${name}`;
  return codeOfMacro(name, macros);
}

/** Returns the codes that an expression may evaluate to. */
function codesOfValue(value: Node, macros: MacroTable): { code: string; at: number }[] {
  const found: { code: string; at: number }[] = [];
  const stack: Node[] = [value];
  const push = (next: Node | null | undefined): void => {
    if (next) stack.push(next);
  };
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    const at = node.startIndex;
    const add = (code: string | undefined): void => {
      if (code !== undefined) found.push({ code, at });
    };
    switch (node.type) {
      case 'parenthesized_expression':
      case 'comma_expression':
        push(node.namedChildren.at(-1));
        break;
      case 'cast_expression':
        push(node.childForFieldName('value'));
        break;
      case 'call_expression': {
        // The parser reads `(UINT32)(-EINVAL)` with an unknown type as a call.
        const isCast = node.childForFieldName('function')?.type === 'parenthesized_expression';
        if (isCast) push(node.childForFieldName('arguments')?.namedChildren[0]);
        break;
      }
      case 'conditional_expression':
        push(node.childForFieldName('consequence'));
        push(node.childForFieldName('alternative'));
        break;
      case 'binary_expression': {
        // The parser reads `(UINT32)-EINVAL` with an unknown type as a subtraction.
        const left = node.childForFieldName('left');
        const right = node.childForFieldName('right');
        const isCast =
          node.childForFieldName('operator')?.type === '-' &&
          left?.type === 'parenthesized_expression' &&
          /^\(\s*[A-Z][A-Z0-9_]*\s*\)$/.test(left.text);
        if (isCast && right?.type === 'identifier' && NAME.test(right.text)) add(right.text);
        break;
      }
      case 'unary_expression': {
        const operand = node.childForFieldName('argument');
        if (node.childForFieldName('operator')?.type !== '-' || operand === null) break;
        const text = operand.text.replaceAll(/[()\s]/g, '');
        add(NAME.test(text) ? text : codeOfNumber(`-${text}`));
        break;
      }
      case 'number_literal':
        add(codeOfNumber(node.text));
        break;
      case 'identifier':
        add(plainCode(node.text, macros));
        break;
    }
  }
  return found;
}

/** Returns codes that a statement such as `if (ret == -ENOENT) return ret;` passes on. */
function codesPassedOn(node: Node): { code: string; at: number }[] {
  const condition = node.childForFieldName('condition');
  const consequence = node.childForFieldName('consequence');
  if (condition === null || consequence === null) return [];
  const match = /^\(\s*(\w+)\s*==\s*(?:\(\w+\)\s*)?-\s*((?:LOS_)?E[A-Z][A-Z0-9]+)\s*\)$/.exec(
    condition.text,
  );
  if (match === null) return [];
  const [, variable, code = ''] = match;
  const isReturned = new RegExp(`\\breturn\\s*\\(?\\s*(?:\\(\\w+\\)\\s*)?${variable ?? ''}\\b`);
  return isReturned.test(consequence.text) ? [{ code, at: condition.startIndex }] : [];
}

/** Returns the codes in the body of a function, in textual order. */
export function errorCodes(
  body: Node,
  macros: MacroTable,
  placeAt: (offset: number) => Place,
): ErrorCode[] {
  const found: { code: string; at: number }[] = [];
  const take = (value: Node | null | undefined): void => {
    if (value) found.push(...codesOfValue(value, macros));
  };
  walk(body, (node) => {
    switch (node.type) {
      case 'function_definition':
        return false; // The text is damaged here, and the code belongs to another function.
      case 'return_statement':
        take(node.namedChildren.find(({ type }) => type !== 'comment'));
        break;
      case 'assignment_expression':
        if (node.childForFieldName('operator')?.type === '=') take(node.childForFieldName('right'));
        break;
      case 'init_declarator':
        take(node.childForFieldName('value'));
        break;
      case 'if_statement':
        found.push(...codesPassedOn(node));
        break;
    }
    return true;
  });
  return found.sort((a, b) => a.at - b.at).map(({ code, at }) => ({ code, place: placeAt(at) }));
}
