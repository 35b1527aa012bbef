/** Controls test/preload/bypass.c, a C program of another user that sends any message. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { createInterface, type Interface } from 'node:readline';
import { pack } from 'msgpackr';
import { compile, gcc } from './preload-programs.js';
import { commandLine } from './paths.js';

const errorNames = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

let compiled: Promise<string> | undefined;

/** Result of a command. */
export interface BypassOutcome {
  /** Number of successes. */
  readonly done: number;
  /** Number of failures. */
  readonly failed: number;
  /** Name of the last error; ENOENT for every failed reply, such as a refusal. */
  readonly error: string | undefined;
  /** Data of the last reply. */
  readonly reply: Buffer;
}

/** Properties of a message besides its data. */
export interface BypassMessage {
  readonly token?: number;
  readonly cookie?: number;
  readonly times?: number;
}

/** A running program. */
export class Bypass {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#reader = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** Starts the program as this user and group. `domain` is the absolute path of a socket. */
  static async start(domain: string, user: number): Promise<Bypass> {
    compiled ??= compile('bypass', gcc);
    const program = await compiled;
    const command = [commandLine, 'run', '--domain', domain, program, String(user)];
    return new Bypass(spawn(process.execPath, command, { stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  /** Calls with this value as MessagePack; `undefined` is no data. */
  call(
    handle: number,
    code: number,
    value?: unknown,
    options: BypassMessage = {},
  ): Promise<BypassOutcome> {
    return this.#send(handle, code, value, 0, options);
  }

  /** Sends a one-way message. */
  sendOneway(
    handle: number,
    code: number,
    value?: unknown,
    options: BypassMessage = {},
  ): Promise<BypassOutcome> {
    return this.#send(handle, code, value, 1, options);
  }

  /** Sends any other command. */
  async command(line: string): Promise<BypassOutcome> {
    this.#child.stdin?.write(`${line}\n`);
    const { value = '', done } = (await this.#lines.next()) as IteratorResult<string, undefined>;
    if (done === true) throw new Error(`the program ended at "${line.slice(0, 100)}"`);
    const [succeeded, failed, error, reply = ''] = value.split(' ');
    return {
      done: Number(succeeded),
      failed: Number(failed),
      error: errorNames.get(Number(error)),
      reply: Buffer.from(reply === '-' ? '' : reply, 'hex'),
    };
  }

  /** Ends the program and waits for its end. */
  async end(): Promise<void> {
    const gone = once(this.#child, 'exit');
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.stdin?.end();
    await gone;
  }

  #send(
    handle: number,
    code: number,
    value: unknown,
    flag: number,
    { token = 0, cookie = 0, times = 1 }: BypassMessage,
  ): Promise<BypassOutcome> {
    const data = value === undefined ? '-' : Buffer.from(pack(value)).toString('hex');
    return this.command(['send', handle, code, token, cookie, flag, times, data].join(' '));
  }
}
