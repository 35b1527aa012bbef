/** Builds the matrix of callers and services: queries a domain's inspector for every cell. */
import { readFileSync } from 'node:fs';
import type { ExplainOutput, ProcessReport } from '../manager/inspect/contract.js';
import type { Identity } from '../policy/subject.js';
import {
  listMethods,
  listProcesses,
  listServices,
  type InspectorClient,
} from './inspector-client.js';
import { UsageError } from '../common/usage-error.js';
import { userGroup, userName } from './users.js';

/** Number of queries in flight. */
const AT_ONCE = 64;
/** Above this number of queries, processes of one user and group are not queried individually. */
const QUESTIONS_MAX = 20_000;

/** The identity that a row is about. */
export interface Row extends Identity {
  readonly user?: string;
  /** `given`: named on the command line. `seen`: connected to the domain. */
  readonly origin: 'given' | 'seen';
  /** The processes that the row stands for. Empty for a user that was named without a process. */
  readonly pids: readonly number[];
  readonly programs: readonly string[];
  readonly cells: readonly Cell[];
}

/** A decision about a service or a method. */
export interface Cell {
  readonly service: string;
  readonly method?: string;
  /** `some`: only some of its methods are allowed. */
  readonly allowed: 'yes' | 'some' | 'no';
  readonly explanation: string;
  /** The deciding rule, if there is one. */
  readonly rule?: string;
  /** Rules that limit the usage. */
  readonly limits: readonly string[];
}

/** The document of `--json`. */
export interface AccessMatrix {
  readonly domain: string;
  readonly rows: readonly Row[];
  /** True if only one process of each user and group was queried, because there are too many. */
  readonly shortened: boolean;
}

/** The question that the command line asks. */
export interface AccessQuestion {
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly pids: readonly number[];
  /** Names of services. Empty for all registered services. */
  readonly services: readonly string[];
  /** True for a cell per method. */
  readonly methods: boolean;
  /** True to include only the named identities. */
  readonly onlyGiven: boolean;
}

type Asked = Identity & Pick<Row, 'origin' | 'programs'>;

/** Returns the uid and gid that the domain would stamp for a process: the effective IDs. */
function identityOf(pid: number): Identity {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch (error) {
    throw new UsageError(`access: there is no process ${pid}`, { cause: error });
  }
  const effective = (key: string): number =>
    Number(new RegExp(`^${key}:\\s+\\d+\\s+(\\d+)`, 'm').exec(status)?.[1] ?? NaN);
  return { pid, uid: effective('Uid'), gid: effective('Gid') };
}

function givenIdentities(
  { uids, gids, pids }: AccessQuestion,
  connected: readonly ProcessReport[],
): Asked[] {
  const users = uids.flatMap((uid) => {
    const groups = gids.length > 0 ? gids : [userGroup(uid) ?? uid];
    return groups.map((gid) => ({ pid: 0, uid, gid, programs: [] }));
  });
  const processes = pids.map((pid) => {
    // The identity at the time of connection. The process may run as another user now.
    const found = connected.find((each) => each.pid === pid);
    const { uid, gid } = found ?? identityOf(pid);
    return { pid, uid, gid, programs: found?.program === undefined ? [] : [found.program] };
  });
  return [...users, ...processes].map((each) => ({ ...each, origin: 'given' }));
}

function seenIdentities(connected: readonly ProcessReport[], onePerUser: boolean): Asked[] {
  const found = new Map<string, Asked>();
  for (const { pid, uid, gid, program } of connected) {
    const key = onePerUser ? `${uid} ${gid}` : `${pid} ${uid} ${gid}`;
    if (found.has(key)) continue;
    found.set(key, {
      pid,
      uid,
      gid,
      origin: 'seen',
      programs: program === undefined ? [] : [program],
    });
  }
  return [...found.values()];
}

/** A service with its methods. */
interface Column {
  readonly service: string;
  readonly methods: readonly string[];
}

async function inChunks<Input, Output>(
  inputs: readonly Input[],
  body: (input: Input) => Promise<Output>,
): Promise<Output[]> {
  const outputs: Output[] = [];
  for (let start = 0; start < inputs.length; start += AT_ONCE) {
    outputs.push(...(await Promise.all(inputs.slice(start, start + AT_ONCE).map(body))));
  }
  return outputs;
}

function cellOf(service: string, answer: ExplainOutput, allowed?: Cell['allowed']): Cell {
  const { explanation, rule, limits } = answer;
  return {
    service,
    allowed: allowed ?? (answer.allowed ? 'yes' : 'no'),
    explanation,
    ...(rule === undefined ? {} : { rule }),
    limits,
  };
}

async function cellsOf(
  inspector: InspectorClient,
  caller: Identity,
  { service, methods }: Column,
  perMethod: boolean,
): Promise<Cell[]> {
  const { pid, uid, gid } = caller;
  const ask = (method?: string): Promise<ExplainOutput> =>
    inspector.explain({
      caller: { pid, uid, gid },
      service,
      ...(method === undefined ? {} : { method }),
    });
  const whole = await ask();
  if (!whole.allowed && !perMethod) return [cellOf(service, whole)];
  const answers = await inChunks(methods, ask);
  if (perMethod) {
    return answers.map((answer, index) => ({
      ...cellOf(service, answer),
      method: methods[index] ?? '',
    }));
  }
  const refused = answers.filter(({ allowed }) => !allowed).length;
  if (refused > 0 && refused === answers.length) return [cellOf(service, answers[0] ?? whole)];
  return [cellOf(service, whole, refused > 0 ? 'some' : 'yes')];
}

/** Merges rows of processes that have the same user, group and answers. */
function merged(rows: readonly Row[]): Row[] {
  const found = new Map<string, Row>();
  for (const row of rows) {
    const key = JSON.stringify([row.origin, row.uid, row.gid, row.cells]);
    const same = found.get(key);
    found.set(
      key,
      same === undefined
        ? row
        : {
            ...same,
            pids: [...new Set([...same.pids, ...row.pids])],
            programs: [...new Set([...same.programs, ...row.programs])],
          },
    );
  }
  return [...found.values()];
}

/**
 * Queries the whole matrix. Throws a {@link UsageError} for a process or service that does not
 * exist.
 */
export async function askAccess(
  inspector: InspectorClient,
  domain: string,
  question: AccessQuestion,
): Promise<AccessMatrix> {
  const registered = [...new Set((await listServices(inspector)).map(({ name }) => name))];
  const names = question.services.length > 0 ? question.services : registered;
  const columns: Column[] = [];
  for (const service of names) {
    const methods = (await listMethods(inspector, service)).map(({ name }) => name);
    if (methods.length === 0 && question.methods) {
      throw new UsageError(
        `access: --methods requires a registered service, and "${service}" is not registered`,
      );
    }
    columns.push({ service, methods });
  }
  // This command itself is left out.
  const connected = (await listProcesses(inspector)).filter(({ pid }) => pid !== process.pid);
  const given = givenIdentities(question, connected);
  const cellCount = columns.reduce((sum, { methods }) => sum + methods.length + 1, 0);
  const shortened = !question.onlyGiven && connected.length * cellCount > QUESTIONS_MAX;
  const seen = question.onlyGiven ? [] : seenIdentities(connected, shortened);
  const rows: Row[] = [];
  for (const asked of [...given, ...seen]) {
    const cells: Cell[] = [];
    for (const column of columns) {
      cells.push(...(await cellsOf(inspector, asked, column, question.methods)));
    }
    const user = userName(asked.uid);
    rows.push({
      ...asked,
      ...(user === undefined ? {} : { user }),
      pids: asked.pid === 0 ? [] : [asked.pid],
      cells,
    });
  }
  return { domain, rows: merged(rows), shortened };
}
