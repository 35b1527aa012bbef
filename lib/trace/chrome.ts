/**
 * Converts traces to the Trace Event Format, which Perfetto (ui.perfetto.dev) and chrome://tracing
 * open.
 *
 * A device is a process and a task is a thread. Every record is a short slice, every wait is a
 * slice of its duration, and an arrow leads from the write of a message to its read or drop.
 */
import { dropReasons, type DropReason, type TraceHook, type TraceRecord } from './record.js';

/**
 * The input of {@link traceToChrome}: the records of one device, as `Device.readTrace` returns
 * them.
 */
export interface ChromeTraceSource {
  readonly records: readonly TraceRecord[];
  readonly lost?: number;
  /** Name of the process in the viewer. Default: `LiteIPC process N`. */
  readonly name?: string;
}

interface EventTrack {
  /** LiteIPC process ID. */
  readonly pid: number;
  /** Task ID, or {@link EVENT_LOOP} + process ID for an event loop that waits. */
  readonly tid: number;
}

interface TimedEvent extends EventTrack {
  readonly name: string;
  readonly cat: string;
  /** µs since the first record of all devices. */
  readonly ts: number;
}

/** Details of a record for the viewer's panel. */
export type ChromeTraceArguments = Readonly<Record<string, string | number | boolean>>;

/** One event of the Trace Event Format. */
export type ChromeTraceEvent =
  | (EventTrack & {
      readonly ph: 'M';
      readonly name: 'process_name' | 'thread_name';
      readonly args: { readonly name: string };
    })
  | (TimedEvent & {
      readonly ph: 'X';
      /** Duration in µs. */
      readonly dur: number;
      readonly cname?: 'bad';
      readonly args: ChromeTraceArguments;
    })
  | (TimedEvent & { readonly ph: 'i'; readonly s: 'p'; readonly args: ChromeTraceArguments })
  | (TimedEvent & { readonly ph: 's'; readonly id: number })
  | (TimedEvent & { readonly ph: 'f'; readonly bp: 'e'; readonly id: number });

/** The result of {@link traceToChrome}, to be written with JSON.stringify. */
export interface ChromeTrace {
  readonly traceEvents: ChromeTraceEvent[];
  readonly displayTimeUnit: 'ns';
  readonly otherData: {
    /** CLOCK_MONOTONIC in ns at ts 0, decimal. */
    readonly startNs: string;
    /** Number of records that were overwritten before they were read. */
    readonly lost: number;
  };
}

const CATEGORY = 'liteipc';
/** Length of a slice, long enough to be visible. It is cut where the next slice begins. */
const SLICE_NS = 1000n;
/** Offset of the IDs of event loops; task IDs are smaller. */
const EVENT_LOOP = 1_000_000;

function trackOf(record: TraceRecord): EventTrack {
  const pid = record.processId;
  return { pid, tid: record.taskId === 0 ? EVENT_LOOP + pid : record.taskId };
}

function isWait(record: TraceRecord): boolean {
  return record.hook === 'IPC_TRY_READ';
}

/**
 * Returns whether this record of the same task ends its wait. A dropped message ends a wait only if
 * it fails the call.
 */
const waitEnds = new Set<TraceHook>(['IPC_READ', 'IPC_READ_TIMEOUT', 'IPC_KILL', 'IPC_TRY_READ']);

function endsWait({ hook, reason }: TraceRecord): boolean {
  return waitEnds.has(hook) || (hook === 'IPC_READ_DROP' && reason === 'CALL_FAILED');
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

/** Returns the name of a message in all traces, or `undefined` if no task wrote it. */
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

/** A record and the end of its slice. */
interface Slice {
  readonly record: TraceRecord;
  readonly end: bigint;
}

/**
 * Returns the slices of one process, whose records are sorted by time. A wait lasts until the next
 * record of its task; the wait of an event loop lasts until the next record of its process.
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

/** The write of a message, and its read or drop. */
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
      const { pid, tid } = trackOf(record);
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
 * Converts the traces of devices of one domain. Perfetto opens a file with the text
 * `JSON.stringify(traceToChrome([{ ...a.readTrace(), name: 'shop' }, b.readTrace()]))`.
 */
export function traceToChrome(
  traces: ChromeTraceSource | readonly ChromeTraceSource[],
): ChromeTrace {
  const sources: readonly ChromeTraceSource[] = Array.isArray(traces) ? traces : [traces];
  const all = sources.flatMap(({ records }) => records).sort(byTime);
  const start = all[0]?.time ?? 0n;
  const microseconds = (time: bigint): number => Number(time - start) / 1000;
  const timed = (record: TraceRecord, name: string) => {
    return { name, cat: CATEGORY, ts: microseconds(record.time), ...trackOf(record) };
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
  // Slices come first at each time, because an arrow attaches to the slice that is open there.
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
