/**
 * Opens a device in the domain that the first argument names, queries its ServiceManager, and lists
 * the processes. This is a separate program, because a broken domain may block it. Each line of its
 * output is a {@link ProbeLine}.
 */
import type { Connection } from '../connection/connection.js';
import { methodsOf } from '../contract/method-table.js';
import { openConnection } from '../device/open-connection.js';
import { Registry } from '../registry/protocol.js';
import { Route } from '../calls/route.js';
import { RemoteError } from '../wire/remote-error.js';
import { sayLine } from './probe.js';

/** A process of the domain. */
export interface ProcessSeen {
  readonly pid: number;
  readonly uid: number;
  readonly tasks: number;
}

/** The name that is looked up. No service has it, and a lookup does no harm if one has. */
export const PROBE_SERVICE = 'liteipc/doctor';

/** One line of the output. */
export type ProbeLine =
  | { readonly step: 'open' }
  /** `answer`: `found`, or the code of the error. */
  | { readonly step: 'manager'; readonly answer: string; readonly text: string }
  | { readonly step: 'processes'; readonly processes: readonly ProcessSeen[] };

const say = (line: ProbeLine): void => sayLine(line);

/** A manager that does not answer within this time hangs, ms. */
const ANSWER_MS = 3000;
/** Upper bound for tasks; no profile has more. */
const TASKS_MAX = 4096;

async function askManager(connection: Connection): Promise<ProbeLine> {
  const lookup = methodsOf(Registry).find(({ method }) => method === 'lookup');
  if (lookup === undefined) throw new TypeError('Expected a method "lookup" of the ServiceManager');
  const route = new Route(Registry.name, connection.native.callTaskId, undefined);
  connection.routes.add(route);
  try {
    await connection.requests.send(route, lookup, { name: PROBE_SERVICE, hash: 0 }, ANSWER_MS);
    return { step: 'manager', answer: 'found', text: '' };
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string };
    const isOurs = error instanceof RemoteError || String(code) !== 'EREMOTE';
    return { step: 'manager', answer: isOurs ? String(code) : 'EREMOTE', text: message };
  }
}

function look({ native }: Connection): readonly ProcessSeen[] {
  const found = new Map<number, { pid: number; uid: number; tasks: number }>();
  for (let id = 1; id < TASKS_MAX; id++) {
    const task = native.query(id);
    if (task?.alive !== true || task.processId === native.processId) continue;
    const { processId, pid, uid } = task;
    found.set(processId, { pid, uid, tasks: (found.get(processId)?.tasks ?? 0) + 1 });
  }
  return [...found.values()];
}

const [, , domain = ''] = process.argv;
const connection = await openConnection({ domain });
say({ step: 'open' });
say(await askManager(connection));
say({ step: 'processes', processes: look(connection) });
await connection.close();
