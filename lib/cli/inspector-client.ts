/** Connects commands to a domain's inspector. */
import type { ClientOf } from '../contract/contract.js';
import { openDevice } from '../device/device.js';
import {
  Inspector,
  type MethodReport,
  type ProcessReport,
  type ServiceReport,
} from '../manager/inspect/contract.js';

/** The inspector's client. */
export type InspectorClient = ClientOf<typeof Inspector>;

/**
 * Runs `body` with the inspector of a running domain. Rejects with a readable error if the domain
 * does not run or does not admit this user.
 */
export async function withInspector<Result>(
  domain: string,
  body: (inspector: InspectorClient) => Promise<Result>,
): Promise<Result> {
  const device = await openDevice({ domain });
  try {
    return await body(await device.service(Inspector));
  } finally {
    await device.close();
  }
}

/** Reads all pages of a list. */
async function* pages<Page extends { readonly next?: number }>(
  read: (after: number) => Promise<Page>,
): AsyncGenerator<Page> {
  for (let after: number | undefined = 0; after !== undefined;) {
    const page: Page = await read(after);
    yield page;
    after = page.next;
  }
}

/** Returns the registered services by name. `all` includes the domain's own services. */
export async function listServices(
  inspector: InspectorClient,
  all = false,
): Promise<ServiceReport[]> {
  const found: ServiceReport[] = [];
  const read = pages((after) => inspector.services({ after, all }));
  for await (const { services } of read) found.push(...services);
  return found.sort((left, right) =>
    left.name < right.name ? -1 : left.name > right.name ? 1 : 0,
  );
}

/** Returns the connected processes, in the order of their LiteIPC process IDs. */
export async function listProcesses(inspector: InspectorClient): Promise<ProcessReport[]> {
  const found: ProcessReport[] = [];
  const read = pages((after) => inspector.processes({ after }));
  for await (const { processes } of read) found.push(...processes);
  return found;
}

/**
 * Returns the methods of a service in the order of their numbers. Empty if it is not registered.
 */
export async function listMethods(
  inspector: InspectorClient,
  service: string,
): Promise<MethodReport[]> {
  const found: MethodReport[] = [];
  try {
    const read = pages((after) => inspector.methods({ service, after }));
    for await (const { methods } of read) found.push(...methods);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
  }
  return found;
}
