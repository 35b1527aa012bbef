/**
 * Traces for a viewer: the JSON object of the Trace Event Format, which Perfetto (ui.perfetto.dev)
 * and chrome://tracing open.
 *
 * A device is a process, a task a thread. Every record is a short slice, every wait a slice as long
 * as it lasted, and an arrow leads from where a message was written to where it was read or
 * dropped.
 */
import { dropReasons, type DropReason, type TraceRecord } from './record.js';

/**
 * What {@link traceToChrome} takes: the records of one device, as `Device.readTrace` gives
 * them.
 */
export interface ChromeTraceSource {
  readonly records: readonly TraceRecord[];
  readonly lost?: number;
  /** What the viewer calls the process. Default: `LiteIPC process N`. */
  readonly name?: string;
}

interface EventPlace {
  /** LiteIPC process ID. */
  readonly pid: number;
  /** Task ID; {@link EVENT_LOOP} + process ID for an event loop that waits. */
  readonly tid: number;
}

interface TimedEvent extends EventPlace {
  readonly name: string;
  readonly cat: string;
  /** µs since the first record of all. */
  readonly ts: number;
}

/** Details of a record, for the viewer's panel. */
export type ChromeTraceArguments = Readonly<Record<string, string | number | boolean>>;

/** One event of the Trace Event Format. */
export type ChromeTraceEvent =
  | (EventPlace & {
      readonly ph: 'M';
      readonly name: 'process_name' | 'thread_name';
      readonly args: { readonly name: string };
    })
  | (TimedEvent & {
      readonly ph: 'X';
      /** µs. */
      readonly dur: number;
      readonly cname?: 'bad';
      readonly args: ChromeTraceArguments;
    })
  | (TimedEvent & { readonly ph: 'i'; readonly s: 'p'; readonly args: ChromeTraceArguments })
  | (TimedEvent & { readonly ph: 's'; readonly id: number })
  | (TimedEvent & { readonly ph: 'f'; readonly bp: 'e'; readonly id: number });

/** What {@link traceToChrome} gives: to be written with JSON.stringify. */
export interface ChromeTrace {
  readonly traceEvents: ChromeTraceEvent[];
  readonly displayTimeUnit: 'ns';
  readonly otherData: {
    /** CLOCK_MONOTONIC in ns, decimal, of ts 0. */
    readonly startNs: string;
    /** Records that nobody read. */
    readonly lost: number;
  };
}

const CATEGORY = 'liteipc';
/** Nothing is that short, but a slice must be seen; it is cut where the next begins. */
const SLICE_NS = 1000n;
/** Task IDs are smaller. */
const EVENT_LOOP = 1_000_000;

function placeOf(record: TraceRecord): EventPlace {
  const pid = record.processId;
  return { pid, tid: record.taskId === 0 ? EVENT_LOOP + pid : record.taskId };
}

function isWait(record: TraceRecord): boolean {
  return record.hook === 'IPC_TRY_READ';
}

/**
 * Does this record of the same task end its wait? A message that is dropped does so only by failing
 * the call.
 */
function endsWait(record: TraceRecord): boolean {
  switch (record.hook) {
    case 'IPC_READ':
    case 'IPC_READ_TIMEOUT':
    case 'IPC_KILL':
    case 'IPC_TRY_READ':
      return true;
    case 'IPC_READ_DROP':
      return record.reason === 'CALL_FAILED';
    default:
      return false;
  }
}

function nameOf(record: TraceRecord): string {
  if (isWait(record)) {
    return record.messageType === 'reply' ? 'wait for a reply' : 'wait for a message';
  }
  return `${record.hook} ${record.reason ?? record.messageType}`;
}

function isDrop(record: TraceRecord): boolean {
  return record.hook === 'IPC_READ_DROP' || record.hook === 'IPC_WRITE_DROP';
}

function argumentsOf(record: TraceRecord): ChromeTraceArguments {
  const { hook, reason } = record;
  const isKnownDrop = hook === 'IPC_READ_DROP' && reason !== undefined && reason in dropReasons;
  return {
    hook,
    ...(reason === undefined ? {} : { reason }),
    ...(isKnownDrop ? { because: dropReasons[reason as DropReason] } : {}),
    message: record.messageType,
    peerProcess: record.peerProcessId,
    peerTask: record.peerTaskId,
    code: record.code,
    handle: record.handle,
    size: record.size,
    oneWay: record.oneWay,
    waiting: record.waiting,
    timestamp: String(record.timestamp),
  };
}

/** A message's name in all traces, if it is one that a task wrote. */
function messageKey(record: TraceRecord): string | undefined {
  const { messageType, taskId, peerTaskId, hook } = record;
  const written = hook === 'IPC_WRITE';
  if (!written && hook !== 'IPC_READ' && hook !== 'IPC_READ_DROP') return undefined;
  const [from, to] = written ? [taskId, peerTaskId] : [peerTaskId, taskId];
  if (messageType === 'request') return `request ${from} ${record.timestamp}`;
  if (messageType === 'reply' || messageType === 'failed-reply') {
    return `${messageType} ${to} ${record.timestamp}`;
  }
  return undefined;
}

function byTime(a: TraceRecord, b: TraceRecord): number {
  return a.time < b.time ? -1 : a.time > b.time ? 1 : 0;
}

/** A record and when its slice ends. */
interface Slice {
  readonly record: TraceRecord;
  readonly end: bigint;
}

/**
 * The slices of one process, whose records are in the order of time. A wait lasts until its task
 * goes on; that of an event loop, until anything happens in its process.
 */
function slicesOf(records: readonly TraceRecord[]): Slice[] {
  const nextOfTask = new Map<number, bigint>();
  const waitEndOfTask = new Map<number, bigint>();
  let nextOfAny: bigint | undefined;
  const slices = [...records].reverse().map((record): Slice => {
    const { taskId, time } = record;
    const next = nextOfTask.get(taskId);
    const waitEnd = taskId === 0 ? nextOfAny : waitEndOfTask.get(taskId);
    const short = next !== undefined && next < time + SLICE_NS ? next : time + SLICE_NS;
    nextOfTask.set(taskId, time);
    if (endsWait(record)) waitEndOfTask.set(taskId, time);
    nextOfAny = time;
    return { record, end: isWait(record) && waitEnd !== undefined ? waitEnd : short };
  });
  return slices.reverse();
}

function byProcess(records: readonly TraceRecord[]): Iterable<TraceRecord[]> {
  const groups = new Map<number, TraceRecord[]>();
  for (const record of records) {
    const group = groups.get(record.processId);
    if (group === undefined) groups.set(record.processId, [record]);
    else group.push(record);
  }
  return groups.values();
}

/** Where a message was written, and where it was read or dropped. */
interface Way {
  written?: TraceRecord;
  taken?: TraceRecord;
}

function waysOf(records: readonly TraceRecord[]): Way[] {
  const ways = new Map<string, Way>();
  for (const record of records) {
    const key = messageKey(record);
    if (key === undefined) continue;
    const way = ways.get(key) ?? {};
    if (record.hook === 'IPC_WRITE') way.written ??= record;
    else way.taken ??= record;
    ways.set(key, way);
  }
  return [...ways.values()];
}

function metadata(sources: readonly ChromeTraceSource[]): ChromeTraceEvent[] {
  const events: ChromeTraceEvent[] = [];
  const named = new Set<string>();
  for (const { records, name } of sources) {
    for (const record of records) {
      const { pid, tid } = placeOf(record);
      if (!named.has(`${pid}`)) {
        const args = { name: name ?? `LiteIPC process ${pid}` };
        events.push({ ph: 'M', name: 'process_name', pid, tid, args });
        named.add(`${pid}`);
      }
      if (!named.has(`${pid} ${tid}`)) {
        const args = { name: record.taskId === 0 ? 'event loop' : `task ${record.taskId}` };
        events.push({ ph: 'M', name: 'thread_name', pid, tid, args });
        named.add(`${pid} ${tid}`);
      }
    }
  }
  return events;
}

/**
 * Converts the traces of devices of one domain: `JSON.stringify(traceToChrome([{ ...a.readTrace(),
 * name: 'shop' }, b.readTrace()]))` is a file that Perfetto opens.
 */
export function traceToChrome(
  traces: ChromeTraceSource | readonly ChromeTraceSource[],
): ChromeTrace {
  const sources: readonly ChromeTraceSource[] = Array.isArray(traces) ? traces : [traces];
  const all = sources.flatMap(({ records }) => records).sort(byTime);
  const start = all[0]?.time ?? 0n;
  const microseconds = (time: bigint): number => Number(time - start) / 1000;
  const timed = (record: TraceRecord, name: string) => {
    return { name, cat: CATEGORY, ts: microseconds(record.time), ...placeOf(record) };
  };
  const events: Exclude<ChromeTraceEvent, { readonly ph: 'M' }>[] = [];

  for (const records of byProcess(all)) {
    for (const { record, end } of slicesOf(records)) {
      events.push({
        ph: 'X',
        ...timed(record, nameOf(record)),
        dur: Number(end - record.time) / 1000,
        ...(isDrop(record) ? { cname: 'bad' as const } : {}),
        args: argumentsOf(record),
      });
    }
  }
  for (const { records, lost = 0 } of sources) {
    const first = records[0];
    if (lost === 0 || first === undefined) continue;
    events.push({ ph: 'i', s: 'p', ...timed(first, 'records lost'), args: { lost } });
  }
  let id = 0;
  for (const { written, taken } of waysOf(all)) {
    if (written === undefined || taken === undefined || taken.time < written.time) continue;
    id += 1;
    const name = written.messageType;
    events.push({ ph: 's', ...timed(written, name), id });
    events.push({ ph: 'f', bp: 'e', ...timed(taken, name), id });
  }
  // Slices come first in each moment: the ends of an arrow are tied to the slice that is open
  // there.
  events.sort((a, b) => a.ts - b.ts || Number(b.ph === 'X') - Number(a.ph === 'X'));
  return {
    traceEvents: [...metadata(sources), ...events],
    displayTimeUnit: 'ns',
    otherData: {
      startNs: String(start),
      lost: sources.reduce((sum, { lost = 0 }) => sum + lost, 0),
    },
  };
}
