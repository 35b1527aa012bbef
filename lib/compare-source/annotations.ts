/**
 * Removes annotation macros. The kernel writes macros before declarations that choose a section
 * (`LITE_OS_SEC_TEXT`) or a visibility (`STATIC`). Headers that are not read define them, so the
 * parser would take them for types. This module replaces them with spaces.
 */
import { integerType, ILP32 } from './abi.js';
import { blank, tokenize, type Token } from './lexer.js';
import type { MacroTable } from './macros.js';

const ANNOTATIONS = new Set(['STATIC', 'INLINE', 'STATIC_INLINE', 'WEAK', 'NOINLINE', 'NORETURN']);
const BASE_TYPES = new Set(['VOID', 'FLOAT', 'DOUBLE', 'LOS_DL_LIST']);

function isAnnotation(name: string, macros: MacroTable): boolean {
  const macro = macros.get(name);
  const isEmpty = macro !== undefined && macro.parameters === undefined && macro.body.length === 0;
  return ANNOTATIONS.has(name) || name.startsWith('LITE_OS_SEC_') || isEmpty;
}

/** Returns whether a word before a type can only be an unknown annotation. */
function looksLikeAnnotation(name: string, macros: MacroTable): boolean {
  return (
    /^[A-Z][A-Z0-9_]{2,}$/.test(name) &&
    integerType(name, ILP32) === undefined &&
    !BASE_TYPES.has(name) &&
    !macros.has(name)
  );
}

/** Returns the unknown annotations among the words of a declaration at file scope. */
function unknownAnnotations(words: readonly Token[], end: string, macros: MacroTable): Token[] {
  // A type must remain, and a name must remain unless a `*` precedes it.
  const needed = end === '*' ? 1 : 2;
  const found: Token[] = [];
  for (const word of words) {
    if (words.length - found.length <= needed || !looksLikeAnnotation(word.text, macros)) break;
    found.push(word);
  }
  return found;
}

/** Returns the text with annotations replaced by spaces. */
export function blankAnnotations(text: string, macros: MacroTable): string {
  const blanked: Token[] = [];
  let depth = 0;
  let words: Token[] | undefined = [];
  for (const token of tokenize(text)) {
    if (token.kind === 'identifier') {
      if (isAnnotation(token.text, macros)) blanked.push(token);
      else words?.push(token);
      continue;
    }
    if (words !== undefined && depth === 0) {
      blanked.push(...unknownAnnotations(words, token.text, macros));
    }
    if (token.text === '{') depth += 1;
    if (token.text === '}') depth = Math.max(0, depth - 1);
    words = depth === 0 && (token.text === ';' || token.text === '}') ? [] : undefined;
  }
  const parts: string[] = [];
  let copied = 0;
  for (const { start, text: name } of blanked.sort((a, b) => a.start - b.start)) {
    parts.push(text.slice(copied, start), blank(name));
    copied = start + name.length;
  }
  parts.push(text.slice(copied));
  return parts.join('');
}
