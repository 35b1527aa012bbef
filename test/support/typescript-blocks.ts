/**
 * Makes a module of each TypeScript block, and compiles all of them as one program with the options
 * of the package. A block with `<!-- with: NAME -->` may use every export of
 * test/documentation/NAME.ts; the module imports the exports that it uses.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { placeOf, type CodeBlock } from './markdown-blocks.js';
import { root } from './paths.js';

const folder = join(root, 'out/documentation');

/** A compiled block. */
export interface BlockModule {
  readonly block: CodeBlock;
  /** Path of its JavaScript. */
  readonly program: string;
  /** Path of the JavaScript of what it needs. */
  readonly fixture: string | undefined;
}

/** The source of a block's module, before and after compilation. */
interface Draft extends BlockModule {
  readonly source: string;
}

function parse(text: string): ts.SourceFile {
  return ts.createSourceFile('block.ts', text, ts.ScriptTarget.ES2023, true);
}

/** Returns the names that a module exports. */
function exportsOf(file: ts.SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  for (const statement of file.statements) {
    if (ts.isExportDeclaration(statement)) {
      const { exportClause } = statement;
      if (exportClause === undefined || !ts.isNamedExports(exportClause)) continue;
      for (const { name } of exportClause.elements) names.add(name.text);
      continue;
    }
    const isExported =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;
    if (!isExported) continue;
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) names.add(name.getText());
    } else {
      const { name } = statement as { name?: ts.Identifier };
      if (name !== undefined) names.add(name.text);
    }
  }
  return names;
}

/** Returns the names that a module declares or imports itself, and all names in it. */
function namesIn(file: ts.SourceFile): { own: ReadonlySet<string>; all: ReadonlySet<string> } {
  const own = new Set<string>();
  const all = new Set<string>();
  const bind = (name: ts.BindingName): void => {
    if (ts.isIdentifier(name)) own.add(name.text);
    else for (const part of name.elements) if (ts.isBindingElement(part)) bind(part.name);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) all.add(node.text);
    if (ts.isImportSpecifier(node) || ts.isNamespaceImport(node)) own.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  for (const statement of file.statements) {
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) bind(name);
    } else {
      const { name } = statement as { name?: ts.Node };
      if (name !== undefined && ts.isIdentifier(name)) own.add(name.text);
    }
  }
  return { own, all };
}

/** Returns the imports in one line, so that the line numbers of the block do not change. */
function importFor(fixtureSource: string, fixture: string, block: CodeBlock): string {
  const offered = exportsOf(parse(ts.sys.readFile(fixtureSource) ?? ''));
  const { own, all } = namesIn(parse(block.text));
  const needed = [...offered].filter((name) => all.has(name) && !own.has(name));
  // The first import is for fixtures that only start something.
  return `import '${fixture}'; import { ${needed.join(', ')} } from '${fixture}';`;
}

function draft(block: CodeBlock): Draft {
  const name = placeOf(block).replaceAll(/[^A-Za-z0-9]+/g, '-');
  const source = join(folder, `${name}.ts`);
  const program = join(folder, `${name}.js`);
  let head = 'export {};';
  let fixture: string | undefined;
  const { directive } = block;
  if (directive !== undefined) {
    const fixtureSource = join(root, 'test/documentation', `${directive.value}.ts`);
    if (directive.name !== 'with' || !existsSync(fixtureSource)) {
      throw new Error(`${placeOf(block)}: there is no test/documentation/${directive.value}.ts`);
    }
    fixture = join(root, 'out/test/documentation', `${directive.value}.js`);
    head += importFor(fixtureSource, `../test/documentation/${directive.value}.js`, block);
  }
  mkdirSync(dirname(source), { recursive: true });
  writeFileSync(source, `${head}\n${block.text}`);
  return { block, source, program, fixture };
}

function settings(): ts.CompilerOptions {
  const config = ts.readConfigFile(join(root, 'tsconfig.base.json'), (path) =>
    ts.sys.readFile(path),
  ) as { config: { compilerOptions: object } };
  const { options } = ts.convertCompilerOptionsFromJson(config.config.compilerOptions, root);
  return {
    ...options,
    ...{ composite: false, declaration: false, sourceMap: false },
    ...{ rootDir: folder, outDir: folder, skipLibCheck: true },
  };
}

/**
 * Compiles the blocks. `problems` has a line for each error with its position in the page. If there
 * are problems, no module may be run.
 */
export function compileBlocks(blocks: readonly CodeBlock[]): {
  readonly modules: readonly BlockModule[];
  readonly problems: readonly string[];
} {
  rmSync(folder, { recursive: true, force: true });
  const drafts = blocks.map(draft);
  const program = ts.createProgram(
    drafts.map(({ source }) => source),
    settings(),
  );
  const { diagnostics } = program.emit();
  const problems = [...ts.getPreEmitDiagnostics(program), ...diagnostics].map((diagnostic) => {
    const { file, start, messageText } = diagnostic;
    const text = ts.flattenDiagnosticMessageText(messageText, ' ');
    const made = drafts.find(({ source }) => source === file?.fileName);
    if (made === undefined || file === undefined) return text;
    const { line } = file.getLineAndCharacterOfPosition(start ?? 0);
    // The first line of the block is the second line of its file.
    return `${made.block.page}:${made.block.line + line - 1}: ${text}`;
  });
  return { modules: drafts, problems };
}
