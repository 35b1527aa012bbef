/**
 * Controls a process or worker thread with commands; see participant-commands.ts. Every wait has a
 * limit; the error of an exceeded limit has the participant and its last command.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import {
  USER_VARIABLE,
  type Answer,
  type Argument,
  type CommandName,
  type Ending,
  type Command,
  type Result,
} from './participant-commands.js';
import { testProgram } from './paths.js';
import { within } from './deadlines.js';

const program = testProgram('participant');

/** Limit of the wait for the answer to a command, ms. */
const ANSWER_MAX_MS = 15_000;
/** Limit of the wait for the end of a participant, ms. */
const EXIT_MAX_MS = 10_000;
const OUTPUT_MAX = 4000;
/** Callers learn of the death of a service within this time, ms. */
const NOTICE_MAX_MS = 100;
/** Ratio of the limit of a notice to the time that this process waits for the same end. */
const REFERENCE_FACTOR = 5;

/** Exit status of a participant. A worker has no signal. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: string | null;
}

/** The end of a participant. */
export interface Kill {
  /** Time of the kill, on the clock of {@link Outcome.endedAtMs}. */
  readonly at: number;
  /**
   * Time within which the callers must learn of it, ms: 100 ms, or on a slow machine some times as
   * long as this process waited for the end.
   */
  readonly limitMs: number;
}

export interface ParticipantOptions {
  /** Starts a thread of this process instead of a process. */
  readonly asWorker?: boolean;
  /** User and group ID to run as; needs root. */
  readonly user?: number;
  /** Path of a copy of Node that is started instead of this one. */
  readonly execPath?: string;
}

interface Waiting {
  readonly name: CommandName;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const all = new Set<Participant>();

/** Returns the time in ms, on the clock of {@link Outcome.endedAtMs}. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Returns the kernel's view of a process: its state, and where each thread sleeps. */
export function processState(pid: number): string {
  try {
    const state = /^State:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '?';
    const threads = readdirSync(`/proc/${pid}/task`).map((thread) => {
      const folder = `/proc/${pid}/task/${thread}`;
      const name = readFileSync(`${folder}/comm`, 'utf8').trim();
      return `${name}:${readFileSync(`${folder}/wchan`, 'utf8')}`;
    });
    return `${state}; threads ${threads.join(' ')}`;
  } catch {
    return 'gone';
  }
}

/** A running test/programs/participant.ts. */
export class Participant {
  /** Name in diagnoses. */
  readonly name: string;
  /** Settles when the participant has ended. */
  readonly exited: Promise<ExitStatus>;

  readonly #child: ChildProcess | undefined;
  readonly #worker: Worker | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #ready!: Promise<unknown>;
  #status: ExitStatus | undefined;
  #lastCommand = 'none';
  #lastAnswer = 'none';
  #output = '';

  private constructor(name: string, options: ParticipantOptions) {
    this.name = name;
    if (options.asWorker === true) {
      const worker = new Worker(program, { stderr: true, stdout: true });
      this.#worker = worker;
      worker.on('message', (message: Answer) => {
        this.#onAnswer(message);
      });
      worker.on('error', (error) => (this.#output += String(error.stack)));
      worker.stderr.on('data', this.#onOutput);
      worker.stdout.on('data', this.#onOutput);
      this.exited = new Promise((resolve) => {
        worker.once('exit', (code) => {
          resolve({ code, signal: null });
        });
      });
    } else {
      const user = options.user === undefined ? {} : { [USER_VARIABLE]: String(options.user) };
      const child = fork(program, {
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        serialization: 'advanced',
        env: { ...process.env, ...user },
        ...(options.execPath === undefined ? {} : { execPath: options.execPath }),
      });
      this.#child = child;
      child.on('message', (message) => {
        this.#onAnswer(message as unknown as Answer);
      });
      child.on('error', (error) => (this.#output += String(error.stack)));
      child.stderr?.on('data', this.#onOutput);
      child.stdout?.on('data', this.#onOutput);
      this.exited = new Promise((resolve) => {
        child.once('exit', (code, signal) => {
          resolve({ code, signal });
        });
      });
    }
    void this.exited.then((status) => {
      this.#onExit(status);
    });
    all.add(this);
  }

  /** Starts a participant and waits until it accepts commands. */
  static async start(name: string, options: ParticipantOptions = {}): Promise<Participant> {
    const participant = new Participant(name, options);
    participant.#ready = new Promise((resolve, reject) => {
      participant.#waiting.set(0, { name: 'facts', resolve, reject });
    });
    await within(participant.#ready, ANSWER_MAX_MS, () => participant.diagnosis());
    return participant;
  }

  /** Process ID; a worker has that of this process. */
  get pid(): number {
    return this.#child?.pid ?? process.pid;
  }

  /** Text that the participant printed to stdout and stderr. */
  get output(): string {
    return this.#output;
  }

  /** Sends a command and waits for the answer; rejects with the error of the participant. */
  async do<Name extends CommandName>(
    name: Name,
    argument: Argument<Name>,
    maximumMs = ANSWER_MAX_MS,
  ): Promise<Result<Name>> {
    const id = this.#nextId++;
    const answered = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { name, resolve, reject });
    });
    this.#send({ id, name, argument });
    const before = performance.now();
    return (await within(answered, maximumMs, () => {
      const waited = Math.round(performance.now() - before);
      return `"${name}" was not answered after ${waited} ms. ${this.diagnosis()}`;
    })) as Result<Name>;
  }

  /** Makes the participant end itself, and waits for its end. */
  async end(how: Ending): Promise<ExitStatus> {
    this.#send({ id: this.#nextId++, name: 'end', argument: how });
    return this.gone();
  }

  /** Kills the process, or terminates the worker, and waits for its end. */
  async kill(): Promise<Kill> {
    const at = nowMs();
    if (this.#status !== undefined) return { at, limitMs: NOTICE_MAX_MS };
    if (this.#worker !== undefined) void this.#worker.terminate();
    else this.#child?.kill('SIGKILL');
    await this.gone();
    return { at, limitMs: Math.max(NOTICE_MAX_MS, REFERENCE_FACTOR * (nowMs() - at)) };
  }

  /** Waits for the end of the participant. */
  gone(): Promise<ExitStatus> {
    return within(this.exited, EXIT_MAX_MS, () => `it did not end. ${this.diagnosis()}`);
  }

  /** Returns the participant's name, state, last command and output. */
  diagnosis(): string {
    const status =
      this.#status === undefined
        ? processState(this.pid)
        : `ended with ${this.#status.signal ?? `status ${this.#status.code ?? '?'}`}`;
    const open = [...this.#waiting.values()].map((waiting) => waiting.name).join(', ');
    return [
      `${this.name} (pid ${this.pid}): ${status}.`,
      `Last command: ${this.#lastCommand}; last answer: ${this.#lastAnswer}; unanswered: ${open || 'none'}.`,
      this.#output === '' ? 'It printed nothing.' : `It printed:\n${this.#output}`,
    ].join(' ');
  }

  #send(command: Command): void {
    if (this.#status !== undefined) throw new Error(`it has ended. ${this.diagnosis()}`);
    this.#lastCommand = `${command.name} ${JSON.stringify(command.argument)}`.slice(0, 200);
    if (this.#worker !== undefined) this.#worker.postMessage(command);
    else this.#child?.send(command, () => undefined);
  }

  #onAnswer(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    if ('error' in answer) {
      this.#lastAnswer = `${waiting.name}: ${answer.error.code}`;
      const error = new Error(answer.error.message);
      error.name = answer.error.name;
      waiting.reject(Object.assign(error, { code: answer.error.code }));
    } else {
      this.#lastAnswer = waiting.name;
      waiting.resolve(answer.result);
    }
  }

  readonly #onOutput = (text: Buffer): void => {
    this.#output = (this.#output + text.toString()).slice(-OUTPUT_MAX);
  };

  #onExit(status: ExitStatus): void {
    this.#status = status;
    all.delete(this);
    for (const { reject } of this.#waiting.values()) reject(new Error(this.diagnosis()));
    this.#waiting.clear();
  }
}

/** Kills every remaining participant and waits for the ends. For `test.afterEach.always`. */
export async function endParticipants(): Promise<void> {
  await Promise.all([...all].map((participant) => participant.kill()));
}
