/** Implements `liteipc watch`: prints the messages of a running domain as its services see them. */
import { setTimeout as pause } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  MessageReader,
  type MessageKind,
  type WatchedMessage,
} from '../manager/inspect/messages.js';
import type { MethodReport, WatchPart } from '../manager/inspect/contract.js';
import { traceHooks, type TraceHook } from '../trace/record.js';
import { domainOption, requiredDomain } from './domain-option.js';
import { listMethods, withInspector, type InspectorClient } from './inspector-client.js';
import { UsageError } from '../common/usage-error.js';
import { readList, readNumber, readSeconds, readService } from './option-readers.js';
import { jsonLine, messageLine } from './watch-line.js';

interface WatchOptions {
  readonly domain?: string;
  readonly service: readonly string[];
  readonly method: readonly string[];
  readonly pid: readonly number[];
  readonly uid: readonly number[];
  readonly kind: readonly MessageKind[];
  readonly hook: readonly TraceHook[];
  readonly drops?: true;
  readonly for?: number;
  readonly count?: number;
  readonly json?: true;
}

/** Time between two readings, ms. */
const PAUSE_MS = 100;
/** Number of parts that are sorted by time together. */
const PARTS_MAX = 32;

const hookNames = Object.keys(traceHooks) as TraceHook[];
const messageHooks: readonly TraceHook[] = [
  'IPC_WRITE',
  'IPC_WRITE_DROP',
  'IPC_READ',
  'IPC_READ_DROP',
];
const dropHooks: readonly TraceHook[] = ['IPC_WRITE_DROP', 'IPC_READ_DROP'];
const kinds: readonly MessageKind[] = ['request', 'reply', 'error', 'notice', 'drop', 'wait'];

function readOneOf<Word extends string>(
  words: readonly Word[],
): (text: string, earlier: readonly Word[]) => Word[] {
  return (text, earlier) => {
    const chosen = text.split(',').map((each) => {
      const found = words.find((word) => word === each.trim());
      if (found === undefined) throw new InvalidArgumentError(`Expected ${words.join(', ')}.`);
      return found;
    });
    return [...earlier, ...chosen];
  };
}

function wantedHooks({ hook, kind, drops }: WatchOptions): readonly TraceHook[] {
  if (hook.length > 0) return hook;
  if (drops === true) return dropHooks;
  return kind.includes('wait') ? hookNames : messageHooks;
}

function wantedKinds({ hook, kind, drops }: WatchOptions): readonly MessageKind[] {
  if (drops === true) return ['drop'];
  if (kind.length > 0) return kind;
  return hook.length > 0 ? kinds : kinds.filter((each) => each !== 'wait');
}

function makeFilter(options: WatchOptions): (message: WatchedMessage) => boolean {
  const { method, pid, uid } = options;
  const wanted = wantedKinds(options);
  return (message) => {
    const { kind, from, to } = message;
    return (
      wanted.includes(kind) &&
      (method.length === 0 || (message.method !== undefined && method.includes(message.method))) &&
      (pid.length === 0 || pid.some((each) => each === from.pid || each === to.pid)) &&
      (uid.length === 0 || uid.some((each) => each === from.uid || each === to.uid))
    );
  };
}

function makeReader(inspector: InspectorClient): MessageReader {
  const known = new Map<string, Promise<readonly MethodReport[]>>();
  return new MessageReader((service, handle, generation) => {
    const key = `${service} ${handle} ${generation}`;
    let methods = known.get(key);
    if (methods === undefined) {
      methods = listMethods(inspector, service);
      known.set(key, methods);
    }
    return methods;
  });
}

/** Prints lines, and notices when the reader of the output has gone. */
class Output {
  /** Aborts when the command has to end: by a signal, a closed pipe, its time or its count. */
  readonly ending = new AbortController();
  readonly #json: boolean;
  #left: number;

  constructor({ json, count = Infinity }: WatchOptions) {
    this.#json = json === true;
    this.#left = count;
    // A closed pipe is a normal end.
    process.stdout.on('error', () => this.ending.abort());
  }

  async message(message: WatchedMessage): Promise<void> {
    if (this.#left === 0) return;
    this.#left--;
    await this.#print(this.#json ? jsonLine(message) : messageLine(message));
    if (this.#left === 0) this.ending.abort();
  }

  async lost({ lost, processId, peers }: WatchPart): Promise<void> {
    const pid = peers.find(([, id]) => id === processId)?.[2];
    const who = pid === undefined ? `LiteIPC process ${processId}` : `process ${pid}`;
    const loss = { lost, processId, ...(pid === undefined ? {} : { pid }) };
    await this.#print(
      this.#json ? JSON.stringify(loss) : `... ${lost} records of ${who} were lost`,
    );
  }

  async notAnswering(processId: number): Promise<void> {
    const text = `... LiteIPC process ${processId} does not answer; its messages are not shown`;
    await this.#print(this.#json ? JSON.stringify({ notAnswering: processId }) : text);
  }

  /** Waits while the reader is slower. */
  async #print(line: string): Promise<void> {
    if (this.ending.signal.aborted || process.stdout.write(`${line}\n`)) return;
    const { signal } = this.ending;
    await new Promise<void>((resolve) => {
      process.stdout.once('drain', resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

async function readOnce(
  inspector: InspectorClient,
  watch: number,
  reader: MessageReader,
  options: WatchOptions,
  output: Output,
  silent: Set<number>,
): Promise<void> {
  const filter = makeFilter(options);
  const messages: WatchedMessage[] = [];
  let isMore = true;
  for (let parts = 0; isMore && parts < PARTS_MAX; parts++) {
    const { part, more, notAnswering } = await inspector.readWatch({ watch });
    isMore = more;
    for (const processId of notAnswering) {
      if (!silent.has(processId)) await output.notAnswering(processId);
    }
    silent.clear();
    for (const processId of notAnswering) silent.add(processId);
    if (part === undefined) continue;
    if (part.lost > 0) await output.lost(part);
    messages.push(...(await reader.messages(part, options.hook.length > 0)));
  }
  messages.sort((left, right) => left.time.getTime() - right.time.getTime());
  for (const message of messages) if (filter(message)) await output.message(message);
}

async function watchUntilEnd(inspector: InspectorClient, options: WatchOptions): Promise<void> {
  const output = new Output(options);
  const { signal } = output.ending;
  const end = (): void => output.ending.abort();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.once(name, end);
  const hooks = wantedHooks(options).map((hook) => hookNames.indexOf(hook));
  const { service: services } = options;
  const { watch } = await inspector.startWatch({
    hooks,
    ...(services.length === 0 ? {} : { services }),
  });
  process.stderr.write('watching; press Ctrl+C to stop\n');
  const timer = options.for === undefined ? undefined : setTimeout(end, options.for * 1000);
  try {
    const reader = makeReader(inspector);
    const silent = new Set<number>();
    while (!signal.aborted) {
      await readOnce(inspector, watch, reader, options, output, silent);
      await pause(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
    // Prints what has happened so far, unless the reader has gone.
    if (options.for !== undefined)
      await readOnce(inspector, watch, reader, options, output, silent);
  } finally {
    clearTimeout(timer);
    await inspector.stopWatch({ watch }).catch(() => undefined);
    for (const name of signals) process.off(name, end);
  }
}

async function run(options: WatchOptions): Promise<void> {
  const domain = requiredDomain('watch', options.domain);
  if (options.drops === true && (options.kind.length > 0 || options.hook.length > 0)) {
    throw new UsageError('watch: --drops cannot be used with --kind or --hook');
  }
  await withInspector(domain, (inspector) => watchUntilEnd(inspector, options));
}

/** Returns the command. */
export function watchCommand(): Command {
  return new Command('watch')
    .summary('print the messages of a running domain')
    .description('Prints the messages of a running domain as they are sent.')
    .addOption(domainOption())
    .option(
      '--service <name>',
      'only messages of this service (repeatable)',
      readList(readService),
      [],
    )
    .option(
      '--method <name>',
      'only messages of this method (repeatable)',
      readList((text) => text),
      [],
    )
    .option(
      '--pid <pid>',
      'only messages from or to this process (repeatable)',
      readList(readNumber(0, 0xffff_ffff)),
      [],
    )
    .option(
      '--uid <uid>',
      'only messages from or to this user (repeatable)',
      readList(readNumber(0, 0xffff_ffff)),
      [],
    )
    .option('--kind <kinds>', `only these kinds: ${kinds.join(', ')}`, readOneOf(kinds), [])
    .addOption(
      new Option('--hook <hooks>', 'every record of these hooks (docs/tracing.md)')
        .argParser(readOneOf(hookNames))
        .default([], 'those of messages'),
    )
    .option('--drops', 'only messages that were refused or dropped')
    .option('--for <seconds>', 'end after this time', readSeconds(1e-3, 1e6))
    .option('--count <n>', 'end after this number of messages', readNumber(1, 1e9))
    .option('--json', 'print a JSON object on each line')
    .addHelpText(
      'after',
      `
Shows what the processes of TypeScript services send, receive and drop. If the
output is read too slowly, records are lost and their number is printed.
Recording stops when the command ends.

Exit status: 0 the command ended, also by a signal or a closed pipe, 1 no such
domain, or it refuses this user, 2 wrong usage.

Examples:
  $ npx liteipc watch --domain shop --service orders
  $ npx liteipc watch --domain shop --drops --json --for 60`,
    )
    .action(run);
}
