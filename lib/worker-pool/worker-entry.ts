/** The program of a worker of `exposeInWorkers`: serves what a module implements. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { defineService, type Contract, type MethodDefinitions } from '../contract/contract.js';
import { openDevice } from '../device/device.js';
import { LiteIpcError } from '../common/errors.js';
import type { WorkerOrder, WorkerReport, WorkerStart } from './messages.js';

const start = workerData as WorkerStart;
const port = parentPort as MessagePort;

function report(message: WorkerReport): void {
  port.postMessage(message);
}

function isContract(value: unknown): value is Contract {
  const contract = value as Partial<Contract> | null | undefined;
  return typeof contract?.name === 'string' && typeof contract.hash === 'number';
}

/**
 * Returns the contract that the module exports, or a contract made of the methods' names if it
 * needs neither validators nor parcels.
 */
function contractOf(exports: Readonly<Record<string, unknown>>): Contract {
  const { name, hash, kinds } = start;
  const found = Object.values(exports).find((value) => isContract(value) && value.name === name);
  if (found !== undefined && (found as Contract).hash === hash) return found as Contract;
  if (found !== undefined) {
    const text = `the module exports a different contract "${name}" (EPROTO)`;
    throw new LiteIpcError('EPROTO', text, { service: name });
  }
  if (kinds === undefined) {
    const text = `the module must also export the contract "${name}": validators and parcels cannot be sent to a worker (EINVAL)`;
    throw new LiteIpcError('EINVAL', text, { service: name });
  }
  const methods = kinds.map(([method, kind]) => [
    method,
    { kind, input: undefined, output: undefined, inputParcel: undefined, outputParcel: undefined },
  ]);
  return defineService(name, Object.fromEntries(methods) as MethodDefinitions);
}

async function implementationOf(exports: Readonly<Record<string, unknown>>): Promise<object> {
  const exported = exports['implementation'] ?? exports['default'];
  const made: unknown =
    typeof exported === 'function'
      ? await (exported as (data: unknown, worker: number) => unknown)(start.data, start.worker)
      : exported;
  if (typeof made === 'object' && made !== null) return made;
  throw new TypeError(
    'Expected the module to export an implementation, or a function that returns one, as its default export or as "implementation"',
  );
}

async function serve(): Promise<void> {
  const exports = (await import(start.url)) as Readonly<Record<string, unknown>>;
  const contract = contractOf(exports);
  const implementation = await implementationOf(exports);
  const device = await openDevice(start.device);
  // The worker is useless without its service; the pool starts another.
  device.on('exposeFailed', (error) => {
    throw error;
  });
  const exposed = await device.expose(contract, implementation as never, {
    ...start.expose,
    instances: 'many',
  });
  port.on('message', ({ drainMs }: WorkerOrder) => {
    void exposed.drain({ timeoutMs: drainMs }).then(async (left) => {
      report({ kind: 'drained', left });
      await device.close();
      port.close();
    });
  });
  report({ kind: 'ready' });
}

try {
  await serve();
} catch (thrown) {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { code } = error as { code?: unknown };
  report({ kind: 'failed', error, code: typeof code === 'string' ? code : undefined });
  port.close();
}
