/**
 * Checks blocks of shell commands. A block with `<!-- with: NAME -->` runs after
 * test/documentation/NAME.sh in an empty folder. In all other blocks every command must exist: a
 * script of package.json, a command of `liteipc` with its options, or one of some tools.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { placeOf, type CodeBlock } from './markdown-blocks.js';
import { commandLine, root } from './paths.js';
import { scaled } from './deadlines.js';

const execute = promisify(execFile);

/** Tools that the reader has, or that the page says how to get. Their options are not checked. */
const tools: ReadonlySet<string> = new Set([
  ...['cd', 'cp', 'cat', 'cc', 'make', 'mkdir', 'install', 'ls', 'kill', 'sudo', 'systemctl'],
  ...[
    'journalctl',
    'systemd-sysusers',
    'systemd-tmpfiles',
    'useradd',
    'usermod',
    '$EDITOR',
    'chmod',
    'chown',
    'node',
  ],
  ...['apt-get', 'git', 'echo', 'bash', 'ctest', 'jq', 'sha256sum', 'export'],
]);

const npmCommands: ReadonlySet<string> = new Set(['test', 'install', 'ci']);

/** The options of a command by name; true if a value follows. */
type KnownOptions = ReadonlyMap<string, boolean>;

/** Reads the help of each command of `liteipc` once. Rejects if there is no such command. */
export class Helps {
  readonly #known = new Map<string, Promise<KnownOptions>>();

  options(command: string): Promise<KnownOptions> {
    let options = this.#known.get(command);
    if (options === undefined) {
      options = this.#read(command);
      this.#known.set(command, options);
    }
    return options;
  }

  async #read(command: string): Promise<KnownOptions> {
    const { stdout } = await execute(process.execPath, [commandLine, command, '--help']);
    if (!stdout.startsWith(`Usage: liteipc ${command}`)) throw new Error(`no command ${command}`);
    const found = stdout.matchAll(/^ +(?:(-\w), )?(--[a-z-]+)( [<[])?/gm);
    return new Map(
      [...found].flatMap(([, short, long, value]) =>
        [short, long]
          .filter((name) => name !== undefined)
          .map((name) => [name, value !== undefined]),
      ),
    );
  }
}

/** Returns the commands of a block, each as its words. Understands only quotes and comments. */
export function commandsOf(text: string): readonly (readonly string[])[] {
  const commands: string[][] = [];
  for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
    let words: string[] = [];
    for (const [token] of line.matchAll(/#.*$|&&|\|\|?|;|&|'[^']*'|"[^"]*"|[^\s;&|]+/g)) {
      if (token.startsWith('#')) break;
      if (/^(?:&&|\|\|?|;|&)$/.test(token)) {
        commands.push(words);
        words = [];
      } else {
        words.push(token.replaceAll(/^['"]|['"]$/g, ''));
      }
    }
    commands.push(words);
  }
  return commands
    .map((words) => words.slice(words.findIndex((word) => !/^[A-Z_]+=/.test(word))))
    .filter(([command]) => command !== undefined);
}

async function checkLiteipc(args: readonly string[], helps: Helps): Promise<string | undefined> {
  const [command, ...rest] = args;
  if (command === undefined || command.startsWith('-')) return undefined;
  let options: KnownOptions;
  try {
    options = await helps.options(command);
  } catch {
    return `liteipc has no command ${command}`;
  }
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index] as string;
    if (!word.startsWith('-')) {
      // Options after the program's name belong to the program.
      if (command === 'run') break;
      continue;
    }
    const [name = word] = word.split('=');
    const hasValue = options.get(name);
    if (hasValue === undefined) return `liteipc ${command} has no option ${name}`;
    if (hasValue && !word.includes('=')) index++;
  }
  return undefined;
}

function checkNpm([command, script]: readonly string[]): string | undefined {
  if (command !== undefined && npmCommands.has(command)) return undefined;
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Readonly<Record<string, string>>;
  };
  if (command === 'run' && script !== undefined && script in scripts) return undefined;
  return `npm ${command ?? ''} ${script ?? ''}: no such script`;
}

async function checkCommand(words: readonly string[], helps: Helps): Promise<string | undefined> {
  const [command = '', ...args] = words;
  if (command === 'npm') return checkNpm(args);
  if (command === 'liteipc') return checkLiteipc(args, helps);
  if (command === 'npx') {
    const [name, ...rest] = args;
    if (name === 'tsc' || name === 'ava') return undefined;
    return name === 'liteipc' ? checkLiteipc(rest, helps) : `npx ${name ?? ''} is not ours`;
  }
  if (command === 'sudo') return checkCommand(args[0] === '-u' ? args.slice(2) : args, helps);
  if (tools.has(command) || command.startsWith('./')) return undefined;
  return `${command} is none of the commands that test/support/shell-blocks.ts knows`;
}

/** Returns the problems of the commands of a block, a line each. */
export async function checkShellBlock(block: CodeBlock, helps: Helps): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const words of commandsOf(block.text)) {
    const problem = await checkCommand(words, helps);
    if (problem !== undefined) problems.push(`${placeOf(block)}: ${problem}`);
  }
  return problems;
}

/**
 * Runs a block in a folder. `npx liteipc` runs this checkout. Rejects with the output if a command
 * fails.
 */
export async function runShellBlock(block: CodeBlock, folder: string): Promise<void> {
  const fixture = join(root, 'test/documentation', `${block.directive?.value ?? ''}.sh`);
  if (!existsSync(fixture)) throw new Error(`${placeOf(block)}: there is no ${fixture}`);
  const script = [
    'set -euo pipefail',
    `npx() { shift; '${process.execPath}' '${commandLine}' "$@"; }`,
    readFileSync(fixture, 'utf8'),
    block.text,
  ].join('\n');
  await execute('bash', ['-c', script], {
    cwd: folder,
    env: { ...process.env, REPOSITORY: root },
    timeout: scaled(20_000),
  });
}
