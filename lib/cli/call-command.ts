/**
 * Implements `liteipc call`: calls a method of a running service. The registry provides the
 * contract.
 */
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import type { CallOptions } from '../contract/call-options.js';
import { checkServiceName } from '../common/arguments.js';
import { openDevice } from '../device/device.js';
import { LiteIpcError } from '../common/errors.js';
import { FILES_MAX } from '../native/files.js';
import { findService, type FoundMethod, type FoundService } from './call/found-service.js';
import { toJson } from './call/plain-json.js';
import { parseInput, readInput, readLines } from './call/read-input.js';
import { suggestion } from './call/suggest.js';
import { domainOption, requiredDomain } from './domain-option.js';
import { listServices, withInspector } from './inspector-client.js';
import { UsageError } from '../common/usage-error.js';

interface Options {
  readonly domain?: string;
  readonly timeout?: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly file: readonly string[];
  readonly json?: true;
}

/** Time limit for the lookup of a service, ms. */
const LOOKUP_MS = 5000;
const SIGINT_STATUS = 130;

function readTimeout(text: string): number {
  if (text === 'none') return Infinity;
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text);
  throw new InvalidArgumentError('Expected a number of ms above 0, or none.');
}

function addMetadata(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Expected KEY=VALUE.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

function addFile(path: string, before: readonly string[]): readonly string[] {
  if (before.length < FILES_MAX) return [...before, path];
  throw new InvalidArgumentError(`Expected at most ${FILES_MAX} files.`);
}

function checkName(service: string): void {
  try {
    checkServiceName(service, 'the service');
  } catch (error) {
    throw new UsageError(`call: ${(error as Error).message}`, { cause: error });
  }
}

function openFiles(paths: readonly string[]): number[] {
  const opened: number[] = [];
  try {
    for (const path of paths) opened.push(openSync(path, 'r'));
    return opened;
  } catch (error) {
    for (const fd of opened) closeSync(fd);
    throw new UsageError(`call: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Returns the names of other services that this user may see. The inspector need not admit the
 * user.
 */
async function otherServices(domain: string): Promise<string[]> {
  try {
    const services = await withInspector(domain, (inspector) => listServices(inspector));
    return services.map(({ name }) => name);
  } catch {
    return [];
  }
}

async function find(domain: string, service: string): Promise<FoundService> {
  try {
    return await findService(domain, service, LOOKUP_MS);
  } catch (error) {
    if (!(error instanceof LiteIpcError) || error.code !== 'ENOENT') throw error;
    const names = await otherServices(domain);
    throw new Error(
      `no service "${service}" is registered${suggestion(service, names, 'there are')}`,
      {
        cause: error,
      },
    );
  }
}

function pick(
  service: FoundService,
  name: string,
): { readonly service: FoundService; readonly method: FoundMethod } {
  const { contract, methods } = service;
  const found = methods.find((each) => each.name === name);
  if (found === undefined) {
    const names = methods.map((each) => each.name);
    const others = suggestion(name, names, 'it has');
    throw new Error(`service "${contract.name}" has no method "${name}"${others}`);
  }
  if (found.usesParcel) {
    throw new Error(
      `${contract.name}.${name} uses a parcel, whose format only the contract in its program defines`,
    );
  }
  return { service, method: found };
}

/** Reports the error that the service, or LiteIPC, returned instead of a result. */
function complain(where: string, error: unknown, json: boolean): void {
  const {
    name = 'Error',
    code,
    message,
  } = error as { name?: string; code?: unknown; message: string };
  const text = json
    ? JSON.stringify({ name, code: code ?? null, message })
    : `liteipc: ${where}: ${name}${typeof code === 'string' ? ` (${code})` : ''}: ${message}`;
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
}

function print(value: unknown, json: boolean): void {
  if (value === undefined) return;
  process.stdout.write(`${JSON.stringify(toJson(value), null, json ? 0 : 2)}\n`);
}

type ClientFunction = (...args: readonly unknown[]) => Promise<unknown> | AsyncIterable<unknown>;

/**
 * Returns the method's arguments before its options: none for an event, items for a sink and a
 * duplex.
 */
async function argumentsFor(
  { kind, name }: FoundMethod,
  argument: string | undefined,
  input: unknown,
  onBadLine: (error: Error) => void,
): Promise<readonly unknown[]> {
  const isGiven = argument !== undefined && argument !== '-';
  switch (kind) {
    case 'event':
      if (isGiven) throw new UsageError(`call: ${name} is an event, which has no input`);
      return [];
    case 'sink':
    case 'duplex':
      if (!isGiven) return [readLines(onBadLine)];
      if (!Array.isArray(input)) {
        throw new UsageError(
          `call: ${name} is a ${kind}: its input is an array, or "-" and one item per line`,
        );
      }
      return [input];
    default:
      return [isGiven ? input : await readInput(argument)];
  }
}

/** Prints one item per line, and waits for the reader of the output. */
async function printAll(items: AsyncIterable<unknown>): Promise<void> {
  for await (const item of items) {
    if (!process.stdout.write(`${JSON.stringify(toJson(item))}\n`)) {
      await once(process.stdout, 'drain');
    }
  }
}

async function callOnce(
  domain: string,
  { contract }: FoundService,
  { name }: FoundMethod,
  args: readonly unknown[],
  options: CallOptions,
  json: boolean,
): Promise<void> {
  const device = await openDevice({ domain });
  try {
    const client = (await device.service(contract)) as Readonly<Record<string, ClientFunction>>;
    const result = client[name]?.(...args, options);
    if (result === undefined) return;
    if (Symbol.asyncIterator in result) await printAll(result);
    else print(await result, json);
  } finally {
    await device.close();
  }
}

async function call(
  service: string,
  method: string,
  argument: string | undefined,
  options: Options,
): Promise<void> {
  const { timeout, metadata, json = false } = options;
  const domain = requiredDomain('call', options.domain);
  checkName(service);
  // Checks that need no round trip to the service come first.
  const isGiven = argument !== undefined && argument !== '-';
  const input = isGiven ? parseInput(argument, 'the input') : undefined;
  const files = openFiles(options.file);
  const controller = new AbortController();
  let badLine: Error | undefined;
  let isInterrupted = false;
  process.once('SIGINT', () => {
    isInterrupted = true;
    controller.abort(new Error('interrupted'));
  });
  process.stdout.on('error', () =>
    controller.abort(new Error('the reader of the output has gone')),
  );
  try {
    const found = pick(await find(domain, service), method);
    const args = await argumentsFor(found.method, argument, input, (error) => {
      badLine = error;
    });
    const callOptions = {
      signal: controller.signal,
      ...(timeout === undefined ? {} : { timeoutMs: timeout }),
      ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
      ...(files.length === 0 ? {} : { files }),
    };
    await callOnce(domain, found.service, found.method, args, callOptions, json);
  } catch (error) {
    if (badLine !== undefined) throw badLine;
    if (controller.signal.aborted) process.exitCode = isInterrupted ? SIGINT_STATUS : 0;
    else if (error instanceof LiteIpcError) complain(`${service}.${method}`, error, json);
    else throw error;
  } finally {
    for (const fd of files) closeSync(fd);
    // Unread input must not keep the program alive.
    process.stdin.destroy();
  }
}

/** Returns the command. */
export function callCommand(): Command {
  return new Command('call')
    .summary('call a method of a running service')
    .description(
      'Calls a method of a running service and prints the result as JSON. The contract comes from the registry.',
    )
    .argument('<service>', 'name of the service')
    .argument('<method>', 'name of the method')
    .argument(
      '[json]',
      'the input; "-" reads it from standard input, as does leaving it out when standard input is a pipe or a file',
    )
    .addOption(domainOption())
    .option(
      '--timeout <ms>',
      'time after which the call fails with ETIME, or "none" (default: 5000)',
      readTimeout,
    )
    .option(
      '--metadata <key=value>',
      'text that is sent with the call (repeatable)',
      addMetadata,
      {},
    )
    .option(
      '--file <path>',
      'file that is passed to the service, open for reading (repeatable)',
      addFile,
      [],
    )
    .option('--json', 'print the result, or the error, on one line')
    .addHelpText(
      'after',
      `
Values that JSON cannot express are read and printed as {"$bigint": "12"},
{"$date": "2026-01-31T12:00:00Z"}, {"$bytes": "BASE64"}, {"$map": [[KEY,
VALUE]]}, {"$set": [...]}; docs/command-line.md lists all forms.

Exit status: 0 success, 1 the service returned an error or the call failed, 2
wrong usage or unusable input.

Examples:
  $ npx liteipc call calculator add '[1, 2]' --domain shop
  $ npx liteipc call logs count '{"pattern": "oom"}' --file /var/log/messages --domain shop`,
    )
    .action(call);
}
