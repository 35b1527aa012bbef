// web-tree-sitter has types for browsers; a module could not declare what they miss.
// eslint-disable-next-line @typescript-eslint/triple-slash-reference
/// <reference path="../../types/web-tree-sitter.d.ts" preserve="true" />
/** Loads the C parser (tree-sitter) when it is first needed. */
import { createRequire } from 'node:module';
import type { Node, Parser, Tree } from 'web-tree-sitter';
import type { Finding, SourceText } from './place.js';

export type { Node } from 'web-tree-sitter';

/** Time limit for a file. A file of LiteIPC takes milliseconds. */
const PARSE_MAX_MS = 10_000;

let loading: Promise<Parser> | undefined;

async function load(): Promise<Parser> {
  const { Language, Parser } = await import('web-tree-sitter');
  await Parser.init();
  const grammar = createRequire(import.meta.url).resolve('tree-sitter-c/tree-sitter-c.wasm');
  return new Parser().setLanguage(await Language.load(grammar));
}

/**
 * Visits all named nodes of a tree, parents first; with `withAll` also punctuation. If `visit`
 * returns false, the children of the node are skipped.
 */
export function walk(root: Node, visit: (node: Node) => boolean, withAll = false): void {
  const stack = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (!visit(node)) continue;
    const children = withAll ? node.children : node.namedChildren;
    for (const child of children.toReversed()) stack.push(child);
  }
}

/**
 * Returns whether a macro is used like a loop, `FOR_EACH(x) { … }`. The parser then misses a
 * semicolon.
 */
function isLoopMacro(node: Node): boolean {
  return (
    node.type === ';' &&
    node.parent?.firstChild?.type === 'call_expression' &&
    node.parent.nextSibling?.type === 'compound_statement'
  );
}

function damageOf(root: Node, source: SourceText): Finding[] {
  const findings: Finding[] = [];
  if (!root.hasError) return findings;
  const visit = (node: Node): boolean => {
    if (node.isMissing && !isLoopMacro(node)) {
      const message = `not C: ${JSON.stringify(node.type)} is missing`;
      findings.push({ place: source.placeAt(node.startIndex), message });
    } else if (node.isError) {
      const excerpt = node.text.replaceAll(/\s+/g, ' ').trim().slice(0, 40);
      const message = `not C: ${JSON.stringify(excerpt)}`;
      findings.push({ place: source.placeAt(node.startIndex), message });
    }
    return node.hasError && !node.isError;
  };
  walk(root, visit, true);
  return findings;
}

/**
 * Parses a text whose conditions and annotations were removed, and passes the tree to `use`, which
 * must not retain any node. Syntax errors are reported; the rest of the tree is valid.
 */
export async function withSyntax<T>(
  text: string,
  source: SourceText,
  use: (root: Node) => T,
): Promise<{ result: T | undefined; findings: Finding[] }> {
  loading ??= load();
  const parser = await loading;
  const deadline = Date.now() + PARSE_MAX_MS;
  const tree: Tree | null = parser.parse(text, null, {
    progressCallback: () => Date.now() > deadline,
  });
  if (tree === null) {
    parser.reset();
    const message = `parsing it takes more than ${PARSE_MAX_MS / 1000} s`;
    return { result: undefined, findings: [{ place: source.placeAt(0), message }] };
  }
  try {
    return { result: use(tree.rootNode), findings: damageOf(tree.rootNode, source) };
  } finally {
    tree.delete();
  }
}
