/**
 * Runs the programs of a page's `js` blocks as real processes. Each block begins with a comment
 * that names its file: `// client.mjs`. The files of a page share a folder in which `liteipc` is
 * this checkout. A file that no other file imports is a program.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { placeOf, type CodeBlock } from './markdown-blocks.js';
import { root } from './paths.js';
import { scaled } from './deadlines.js';

/** Longest time until a program prints its first line, or until the last program ends, ms. */
const PROGRAM_MAX_MS = scaled(30_000);

/** Returns the file name in the first line of a `js` block. */
export function fileNameOf({ text }: CodeBlock): string | undefined {
  return /^\/\/ ([\w-]+\.mjs)\n/.exec(text)?.[1];
}

/** A process that runs one file, with what it has printed on both outputs. */
class Program {
  output = '';
  readonly #file: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #firstLine: Promise<unknown>;

  constructor(folder: string, file: string) {
    this.#file = file;
    this.#child = spawn(process.execPath, [file], {
      cwd: folder,
      env: { ...process.env, XDG_RUNTIME_DIR: folder },
      timeout: 2 * PROGRAM_MAX_MS,
      killSignal: 'SIGKILL',
    });
    this.#ended = once(this.#child, 'close');
    this.#firstLine = new Promise((resolve) => {
      for (const stream of [this.#child.stdout, this.#child.stderr]) {
        stream?.on('data', (data: Buffer) => {
          this.output += data.toString();
          if (this.output.includes('\n')) resolve(undefined);
        });
      }
    });
  }

  /** Waits until the program has printed a line and still runs: others may use it. */
  async started(): Promise<void> {
    await Promise.race([this.#firstLine, this.#ended]);
    if (this.#child.exitCode !== null) throw this.#failure();
  }

  /** Waits until the program has ended with status 0. */
  async finished(): Promise<void> {
    await this.#ended;
    if (this.#child.exitCode !== 0) throw this.#failure();
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGINT');
    await this.#ended;
  }

  #failure(): Error {
    const { exitCode, signalCode } = this.#child;
    return new Error(
      `${this.#file} ended with ${signalCode ?? `status ${String(exitCode)}`}: ${this.output}`,
    );
  }
}

/**
 * Writes the blocks of one page to `folder` and runs the programs in their order: each starts when
 * the program before it has printed a line; the last must end by itself. Returns the output of
 * each program by its file.
 */
export async function runProgramBlocks(
  blocks: readonly CodeBlock[],
  folder: string,
): Promise<ReadonlyMap<string, string>> {
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  symlinkSync(root, join(folder, 'node_modules/liteipc'));
  const files = blocks.map((block) => {
    const file = fileNameOf(block);
    if (file === undefined) throw new Error(`${placeOf(block)}: expected a first line // NAME.mjs`);
    writeFileSync(join(folder, file), block.text);
    return file;
  });
  const isImported = (file: string): boolean =>
    blocks.some(({ text }) => text.includes(`from './${file}'`));
  const programs = new Map<string, Program>();
  try {
    const started = files.filter((file) => !isImported(file));
    for (const [index, file] of started.entries()) {
      const program = new Program(folder, file);
      programs.set(file, program);
      await (index === started.length - 1 ? program.finished() : program.started());
    }
  } finally {
    await Promise.all([...programs.values()].map((program) => program.stop()));
  }
  return new Map([...programs].map(([file, { output }]) => [file, output]));
}
