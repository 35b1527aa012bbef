/** Finds the code blocks of a Markdown page, each with its directive for the test. */
import { readFileSync } from 'node:fs';

/**
 * A comment in the line before a block that says how to check the block. `with: NAME`: the block
 * uses test/documentation/NAME. `is: KIND`: the kind of the block, if its language is not enough.
 */
export interface Directive {
  readonly name: 'with' | 'is';
  readonly value: string;
}

/** A code block of a page. */
export interface CodeBlock {
  /** Path of the page in the repository. */
  readonly page: string;
  /** Of its first line of code, from 1. */
  readonly line: number;
  /** Empty for plain text. */
  readonly language: string;
  readonly directive: Directive | undefined;
  readonly text: string;
}

/** Returns the position of a block: `docs/calls.md:12`. */
export function placeOf({ page, line }: CodeBlock): string {
  return `${page}:${line}`;
}

function directiveIn(line: string | undefined, place: string): Directive | undefined {
  if (line?.startsWith('<!--') !== true) return undefined;
  const [, name, value] = /^<!-- (with|is): (\S.*?) -->$/.exec(line) ?? [];
  if ((name !== 'with' && name !== 'is') || value === undefined) {
    throw new Error(`${place}: expected <!-- with: NAME --> or <!-- is: KIND -->, not ${line}`);
  }
  return { name, value };
}

/**
 * Returns the code blocks of a text, in order. Throws if a block does not end, or if the comment
 * before it is not a directive.
 */
export function codeBlocksOf(page: string, markdown: string): readonly CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { fence: string; language: string; directive: Directive | undefined } | undefined;
  let code: string[] = [];
  let lineBefore: string | undefined;
  markdown.split('\n').forEach((line, index) => {
    if (open === undefined) {
      const [, fence, language] = /^(`{3,})(\S*)\s*$/.exec(line) ?? [];
      if (fence !== undefined) {
        const directive = directiveIn(lineBefore, `${page}:${index}`);
        open = { fence, language: language ?? '', directive };
        code = [];
      }
      lineBefore = line;
    } else if (line === open.fence) {
      const { language, directive } = open;
      const text = `${code.join('\n')}\n`;
      blocks.push({ page, line: index - code.length + 1, language, directive, text });
      open = undefined;
      lineBefore = line;
    } else {
      code.push(line);
    }
  });
  if (open !== undefined) throw new Error(`${page}: a code block does not end`);
  return blocks;
}

/** Returns the code blocks of a page of the repository. */
export function codeBlocksIn(root: string, page: string): readonly CodeBlock[] {
  return codeBlocksOf(page, readFileSync(`${root}/${page}`, 'utf8'));
}
