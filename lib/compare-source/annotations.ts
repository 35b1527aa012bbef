/**
 * The kernel puts macros before declarations that say where code goes (`LITE_OS_SEC_TEXT`) or who
 * sees it (`STATIC`). They are defined in headers that are not read, so that the parser would take
 * them for types: they become spaces.
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

/** Whether a word before a type can be nothing but an annotation that is not known. */
function looksLikeAnnotation(name: string, macros: MacroTable): boolean {
  return (
    /^[A-Z][A-Z0-9_]{2,}$/.test(name) &&
    integerType(name, ILP32) === undefined &&
    !BASE_TYPES.has(name) &&
    !macros.has(name)
  );
}

/** Words of a declaration that begins outside of all braces, which are unknown annotations. */
function unknownAnnotations(words: readonly Token[], end: string, macros: MacroTable): Token[] {
  // A type has to remain, and a name unless a `*` comes first.
  const needed = end === '*' ? 1 : 2;
  const found: Token[] = [];
  for (const word of words) {
    if (words.length - found.length <= needed || !looksLikeAnnotation(word.text, macros)) break;
    found.push(word);
  }
  return found;
}

/** The text with spaces for annotations. */
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
