/** Runs `liteipc conformance` as a user does. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { commandLine, root } from './paths.js';

/** Returns a folder of scenarios: `recorded` or `own`. */
export const scenarioFolder = (name: string): string => join(root, 'test/conformance', name, '/');

/** The document of `--json`. */
export interface Document {
  readonly target: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly scenarios: readonly {
    readonly name: string;
    readonly file: string;
    readonly result: string;
    readonly reason?: string;
    readonly step?: { readonly number: number; readonly line: number; readonly what: string };
    readonly wanted?: string;
    readonly came?: string;
    readonly message?: string;
    readonly notChecked: number;
  }[];
}

export interface Finished {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
}

/** A running command and its result. */
export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
}

/** Starts `liteipc conformance` with the temporary directory `temporary`. */
export const start = (args: readonly string[], temporary?: string): Running =>
  startCommand(['conformance', ...args], temporary);

/** Starts `liteipc`. */
export function startCommand(args: readonly string[], temporary?: string): Running {
  const child = spawn(process.execPath, [commandLine, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: temporary === undefined ? process.env : { ...process.env, TMPDIR: temporary },
  });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk));
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status, signal, output, errors }));
  });
  return { child, finished };
}

export const conformance = (...args: readonly string[]): Promise<Finished> => start(args).finished;

/** Runs with `--json`, and checks that the exit status agrees with the document. */
export async function conformanceDocument(
  t: ExecutionContext,
  ...args: readonly string[]
): Promise<Document> {
  const { status, output, errors } = await conformance('--json', ...args);
  t.is(errors, '');
  const document = JSON.parse(output) as Document;
  t.is(status, document.failed === 0 ? 0 : 1);
  return document;
}

/** Makes a folder with `files` that ends with the test. Values that are not texts become JSON. */
export function makeFolder(
  t: ExecutionContext,
  files: Readonly<Record<string, unknown>> = {},
): string {
  // The path is short, because the folder contains sockets.
  const folder = mkdtempSync(join(tmpdir(), 'lc-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content, null, 1));
  }
  return folder;
}
