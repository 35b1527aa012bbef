/** Who may call what, and why: asks a domain's inspector for every cell. */
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

/** Questions that are on their way at a time. */
const AT_ONCE = 64;
/** From so many questions on, the processes of a user and group are not asked about one by one. */
const QUESTIONS_MAX = 20_000;

/** Whom a row is about. */
export interface Row extends Identity {
  readonly user?: string;
  /** Named on the command line, or connected to the domain. */
  readonly origin: 'given' | 'seen';
  /** The processes that it stands for; of a user that was named without a process: none. */
  readonly pids: readonly number[];
  readonly programs: readonly string[];
  readonly cells: readonly Cell[];
}

/** A decision about a service or a method. */
export interface Cell {
  readonly service: string;
  readonly method?: string;
  /** `some`: some of its methods. */
  readonly allowed: 'yes' | 'some' | 'no';
  readonly explanation: string;
  /** The rule that decided, if one did. */
  readonly rule?: string;
  /** Rules that limit how much it may use. */
  readonly limits: readonly string[];
}

/** The document of `--json`. */
export interface AccessMatrix {
  readonly domain: string;
  readonly rows: readonly Row[];
  /** Only one process of each user and group was asked about: there are too many. */
  readonly shortened: boolean;
}

/** What the command line asks for. */
export interface AccessQuestion {
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly pids: readonly number[];
  /** Names of services; none: those that are registered. */
  readonly services: readonly string[];
  /** A cell for every method. */
  readonly methods: boolean;
  /** Only about those that were named. */
  readonly onlyGiven: boolean;
}

type Asked = Identity & Pick<Row, 'origin' | 'programs'>;

/** uid and gid of a process as the domain would stamp them: the effective ones. */
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
    // As it was when it connected; it may be another user by now.
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

/** What is asked about: a service with its methods. */
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

/** Rows of processes of one user and group that get the same answers are one. */
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
 * Asks for the whole matrix. Throws a {@link UsageError} for a process or service that is not
 * there.
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
      throw new UsageError(`access: no service "${service}" is registered, so it has no methods`);
    }
    columns.push({ service, methods });
  }
  // This command itself is nobody whom they want to know about.
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
