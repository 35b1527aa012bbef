/**
 * A process or worker thread that executes the commands of a test; see
 * test/support/participant-commands.ts. It ends with the test.
 */
import { readdirSync } from 'node:fs';
import { isMainThread, parentPort } from 'node:worker_threads';
import {
  ServiceManager,
  openDevice,
  type ClientOf,
  type Device,
  type ImplementationOf,
} from 'liteipc';
import { becomeUser } from '../support/become-user.js';
import { Load } from '../support/load.js';
import {
  USER_VARIABLE,
  type Answer,
  type Argument,
  type CallRequest,
  type CommandName,
  type Ending,
  type Command,
  type Outcome,
} from '../support/participant-commands.js';
import { workService, type Received } from '../support/work.js';

type Work = ReturnType<typeof workService>;
type WorkClient = ClientOf<Work>;
type Handlers = { [Name in CommandName]: (argument: Argument<Name>) => unknown };

const contracts = new Map<string, Work>();
const devices = new Map<string, Device>();
const watched = new Set<string>();
const events: string[] = [];
let wakeEventWaiters: (() => void)[] = [];
let manager: ServiceManager | undefined;
let begun: Promise<Outcome>[] = [];
let load: Load | undefined;
let received: Received = { count: 0, disorder: 0 };
let endsNaturally = false;

function answer(message: Answer): void {
  if (parentPort !== null) parentPort.postMessage(message);
  else process.send?.(message);
}

/** Contracts by name: a device has one client for each contract object. */
function contractOf(name = 'work'): Work {
  const contract = contracts.get(name) ?? workService(name);
  contracts.set(name, contract);
  return contract;
}

function deviceOf(name = 'main'): Device {
  const device = devices.get(name);
  if (device === undefined) throw new Error(`no device "${name}" is open here`);
  return device;
}

function managerHere(): ServiceManager {
  if (manager === undefined) throw new Error('no manager runs here');
  return manager;
}

function loadHere(): Load {
  if (load === undefined) throw new Error('there is no load here');
  return load;
}

function happened(event: string): void {
  events.push(event);
  const waiters = wakeEventWaiters;
  wakeEventWaiters = [];
  for (const wake of waiters) wake();
}

function implementation(): ImplementationOf<Work> {
  let held = 0;
  const lastNumbers = new Map<number, number>();
  return {
    echo: (value) => value,
    who: (_input, call) => call.caller,
    add: ([left, right]) => left + right,
    wait: (milliseconds) =>
      new Promise((resolve) => setTimeout(resolve, milliseconds, `after ${milliseconds}`)),
    hold: () => {
      held += 1;
      return new Promise(() => undefined);
    },
    held: () => held,
    block: (milliseconds) => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
    },
    fail: (text) => {
      throw new RangeError(text);
    },
    note: ([number], { caller }) => {
      const last = lastNumbers.get(caller.taskId) ?? number - 1;
      lastNumbers.set(caller.taskId, number);
      received = {
        count: received.count + 1,
        disorder: received.disorder + (number === last + 1 ? 0 : 1),
      };
    },
    received: () => received,
  };
}

async function clientOf(device: Device, service: string | undefined): Promise<WorkClient> {
  const contract = contractOf(service);
  const client = await device.service(contract);
  const key = `${device.processId} ${contract.name}`;
  if (!watched.has(key)) {
    watched.add(key);
    device.onDeath(client, () => {
      happened(`death ${contract.name}`);
    });
  }
  return client;
}

const clients = new Map<string, WorkClient>();

/** Returns the client that was found before, if there is one: it follows restarts by itself. */
async function knownClient(request: CallRequest): Promise<WorkClient> {
  const key = `${request.device ?? 'main'} ${request.service ?? 'work'}`;
  const client = clients.get(key) ?? (await clientOf(deviceOf(request.device), request.service));
  clients.set(key, client);
  return client;
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function failure(thrown: unknown): Outcome {
  const error = thrown as Error & { code?: string };
  return {
    ok: false,
    name: error.name,
    code: error.code ?? '',
    message: error.message,
    endedAtMs: nowMs(),
  };
}

function startCall(client: WorkClient, request: CallRequest): Promise<Outcome> {
  const { method, input, timeoutMs } = request;
  const call = client[method] as (input: unknown, options?: object) => Promise<unknown>;
  return call(input, timeoutMs === undefined ? undefined : { timeoutMs }).then(
    (value): Outcome => ({ ok: true, value, endedAtMs: nowMs() }),
    failure,
  );
}

async function outcomeOf(request: CallRequest): Promise<Outcome> {
  let client: WorkClient;
  try {
    client = await knownClient(request);
  } catch (error) {
    return failure(error);
  }
  return startCall(client, request);
}

function end(how: Ending): void {
  switch (how) {
    case 'exit':
      process.exit(0);
      break;
    case 'throw':
      setImmediate(() => {
        throw new Error('thrown on purpose');
      });
      break;
    case 'natural':
      // Without references the event loop ends although calls may be pending.
      endsNaturally = true;
      for (const device of devices.values()) device.unref();
      if (parentPort !== null) parentPort.unref();
      else process.disconnect();
  }
}

const handlers: Handlers = {
  startManager: async (options) => {
    manager = await ServiceManager.start(options);
    return manager.path;
  },
  counters: () => managerHere().counters(),
  revoke: async ({ service, pid }) => managerHere().revoke(service, { pid }),
  stopManager: async () => {
    await managerHere().close();
    manager = undefined;
  },
  open: async ({ device = 'main', ...options }) => {
    const opened = await openDevice(options);
    opened.on('lost', () => {
      happened('lost');
    });
    opened.on('reconnected', () => {
      happened('reconnected');
    });
    opened.on('exposeFailed', (error) => {
      happened(`exposeFailed ${error.message}`);
    });
    devices.set(device, opened);
    return opened.processId;
  },
  expose: async ({ device, service }) => {
    await deviceOf(device).expose(contractOf(service), implementation());
  },
  find: async ({ device, service }) => {
    const client = await clientOf(deviceOf(device), service);
    clients.set(`${device ?? 'main'} ${service ?? 'work'}`, client);
  },
  watchRestarts: async ({ device, service }) => {
    const opened = deviceOf(device);
    const contract = contractOf(service);
    opened.onRestart(await opened.service(contract), () => {
      happened(`restart ${contract.name}`);
    });
  },
  call: outcomeOf,
  begin: async (request) => {
    const client = await knownClient(request);
    begun.push(...Array.from({ length: request.count }, () => startCall(client, request)));
  },
  outcomes: async () => {
    const outcomes = await Promise.all(begun);
    begun = [];
    return outcomes;
  },
  flood: async ({ count, ballast, first }) => {
    const client = await knownClient({ method: 'note' });
    const data = new Uint8Array(ballast);
    for (let accepted = 0; accepted < count; accepted++) {
      try {
        await client.note([first + accepted, data]);
      } catch (error) {
        return { accepted, refusal: failure(error) };
      }
    }
    return { accepted: count };
  },
  received: () => received,
  close: async ({ device = 'main' }) => {
    await deviceOf(device).close();
    devices.delete(device);
    for (const key of [...clients.keys()]) if (key.startsWith(`${device} `)) clients.delete(key);
  },
  facts: ({ device = 'main' }) => {
    const opened = devices.get(device);
    return {
      pid: process.pid,
      descriptors: readdirSync('/proc/self/fd').length,
      connected: opened?.connected ?? false,
      pendingCalls: opened?.pendingCalls ?? 0,
      processId: opened?.processId ?? 0,
      poolNodes: opened?.counters()['poolNodes'] ?? 0,
    };
  },
  events: () => events.splice(0),
  event: async (name) => {
    for (;;) {
      const index = events.indexOf(name);
      if (index !== -1) {
        events.splice(index, 1);
        return;
      }
      await new Promise<void>((resolve) => wakeEventWaiters.push(resolve));
    }
  },
  load: async (options) => {
    load = new Load(options);
    await load.start();
  },
  loadProgress: () => loadHere().progress,
  stopCalls: async () => loadHere().stopCalls(),
  verify: async ({ services, times }) => loadHere().verify(services, times),
  closeLoad: async () => loadHere().close(),
  end,
};

async function execute(command: Command): Promise<void> {
  try {
    const handler = handlers[command.name] as (argument: unknown) => unknown;
    const result = await handler(command.argument);
    if (command.name !== 'end') answer({ id: command.id, result });
  } catch (thrown) {
    const { name, message, code = '' } = thrown as Error & { code?: string };
    answer({ id: command.id, error: { name, message, code } });
  }
}

const user = process.env[USER_VARIABLE];
if (isMainThread && user !== undefined) becomeUser(Number(user));
if (parentPort !== null) {
  parentPort.on('message', (command: Command) => void execute(command));
} else {
  process.on('message', (command) => void execute(command as Command));
  process.on('disconnect', () => {
    // The test has ended, unless this process has disconnected.
    if (!endsNaturally) process.exit(0);
  });
}
answer({ id: 0, result: process.pid });
