/** Learns a service's contract from the shape that the registry provides. */
import type { Connection } from '../../connection/connection.js';
import * as contracts from '../../contract/contract.js';
import type { Contract, MethodDefinition } from '../../contract/contract.js';
import { methodsOf } from '../../contract/method-table.js';
import { LiteIpcError } from '../../common/errors.js';
import { parcel } from '../../ipc-io/parcel-format.js';
import { openConnection } from '../../device/open-connection.js';
import { Registry, type LookupOutput } from '../../registry/protocol.js';
import { Route } from '../../calls/route.js';

/** A method of a service according to its shape. */
export interface FoundMethod {
  readonly name: string;
  /** `method`, `oneway` and so on. Only the two sides of a service know the format of a parcel. */
  readonly kind: string;
  readonly usesParcel: boolean;
}

/** The methods that a service offers. */
export interface FoundService {
  readonly contract: Contract;
  readonly methods: readonly FoundMethod[];
}

/** Never called. It stands for a format that only the two sides of a service know. */
const unknownFormat = parcel<unknown>({ write: () => undefined, read: () => undefined });

const makers: Readonly<Record<string, (schemas: object) => MethodDefinition>> = {
  method: (schemas) => contracts.method(schemas),
  oneway: (schemas) => contracts.oneway(schemas),
  stream: () => contracts.stream(),
  sink: () => contracts.sink(),
  duplex: () => contracts.duplex(),
  event: () => contracts.event(),
};

const linePattern = /^([a-z]+)(\(parcel\))?(:parcel)? (\w+)$/;

/**
 * Returns the contract of a shape (contract/shape.ts). Throws an Error for a shape of a later
 * version.
 */
function contractOfShape(service: string, shape: string): FoundService {
  const definitions: Record<string, MethodDefinition> = {};
  const methods = shape.split('\n').map((line): FoundMethod => {
    const [, kind = '', input, output, name = ''] = linePattern.exec(line) ?? [];
    const make = makers[kind];
    if (make === undefined) {
      throw new Error(
        `service "${service}" has a method of a kind that this version of liteipc does not support: ${line}`,
      );
    }
    definitions[name] = make({
      ...(input === undefined ? {} : { input: unknownFormat }),
      ...(output === undefined ? {} : { output: unknownFormat }),
    });
    return { name, kind, usesParcel: input !== undefined || output !== undefined };
  });
  return { contract: contracts.defineService(service, definitions), methods };
}

async function lookUp(
  connection: Connection,
  name: string,
  hash: number,
  timeoutMs: number,
): Promise<LookupOutput> {
  const lookup = methodsOf(Registry).find(({ method: each }) => each === 'lookup');
  if (lookup === undefined) throw new TypeError('Expected a method "lookup" of the ServiceManager');
  const route = new Route(Registry.name, connection.native.callTaskId, undefined);
  connection.routes.add(route);
  try {
    const found = await connection.requests.send(route, lookup, { name, hash }, timeoutMs);
    return found as LookupOutput;
  } catch (error) {
    if (!(error instanceof LiteIpcError)) throw error;
    // No process owns handle 0.
    if (error.code !== 'EINVAL' && error.code !== 'EPIPE') throw error;
    throw new LiteIpcError('ENODEV', 'the domain has no ServiceManager (ENODEV)', { cause: error });
  } finally {
    connection.routes.delete(route);
  }
}

/**
 * Looks up a service with a hash that does not match, and thereby learns its shape. Rejects like a
 * lookup: ENOENT, EACCES, ETIME.
 */
export async function findService(
  domain: string,
  service: string,
  timeoutMs: number,
): Promise<FoundService> {
  const connection = await openConnection({ domain });
  try {
    // One of two different hashes cannot match.
    for (const hash of [0, 1]) {
      const found = await lookUp(connection, service, hash, timeoutMs);
      if ('shape' in found) return contractOfShape(service, found.shape);
    }
    throw new Error(`service "${service}" does not report its shape`);
  } finally {
    await connection.close();
  }
}
