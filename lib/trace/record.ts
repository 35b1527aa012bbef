/** Converts trace records to names, from the numbers of native/include/liteipc/hook_types.h. */
import type { NativeTrace } from '../../types/native.js';
import type { ProcessId, ServiceHandle, TaskId } from '../../types/wire.js';
import { codeOfStatus } from '../common/errors.js';
import { MessageFlag, TraceWords } from '../native/layout.js';

/**
 * The seven hooks of the kernel in the order of their numbers, with the event that each reports.
 */
export const traceHooks = {
  IPC_WRITE: "a message was written to the receiver's lane",
  IPC_WRITE_DROP: 'a message was refused; the reason is a negative errno',
  IPC_READ: 'a message was delivered to the program',
  IPC_READ_DROP: 'a message was dropped; the reason is an IpcDropReason',
  IPC_TRY_READ: 'a read found nothing and begins to wait',
  IPC_READ_TIMEOUT: 'a wait ended without its message; the reason is a negative errno',
  IPC_KILL: 'a wait ended with its task, process or domain; the reason is a negative errno',
} as const;

/** Reasons for dropping a received message (IPC_READ_DROP), in the order of their numbers. */
export const dropReasons = {
  NONE: 'it was not dropped',
  MALFORMED: 'its record breaks the rules',
  LANE_CLOSED: 'it was left in the lane of a sender that broke the rules too often',
  SENDER_UNKNOWN: "its sender ended, and the sender's task ID is in use again",
  TASK_ENDED: 'its receiving task has ended',
  NO_RIGHT: 'its sender has no right to call this task',
  NOT_MANAGER: 'it was sent to the ServiceManager, and this task is not the ServiceManager',
  NOT_RECEIVING: 'a request, for a task that waits for an answer',
  NOT_ASKED: 'an answer that no call waits for: late, cancelled, or never requested',
  OTHER_PROCESS: 'an answer from a process that was not asked',
  CALL_FAILED: 'a failed answer, which reports only that the call has failed',
  NO_ROOM_FOR_DESCRIPTORS: 'this process has no free descriptors',
  DESCRIPTORS_MISSING: 'its descriptors did not arrive',
} as const;

const messageTypes = ['request', 'reply', 'failed-reply', 'death-notice'] as const;

/** One of the kernel's seven hooks. */
export type TraceHook = keyof typeof traceHooks;
/** The reason for dropping a received message. */
export type DropReason = keyof typeof dropReasons;
/** The type of a message. `unknown`: its sender wrote a number that is not defined. */
export type TraceMessageType = (typeof messageTypes)[number] | 'unknown';

/** One event of a message, or of a wait for a message, in one device. */
export interface TraceRecord {
  /** CLOCK_MONOTONIC in ns, the clock of `process.hrtime.bigint()`, which all processes share. */
  readonly time: bigint;
  /** The event. */
  readonly hook: TraceHook;
  /**
   * The reason. IPC_READ_DROP: a {@link DropReason}. IPC_WRITE_DROP, IPC_READ_TIMEOUT, IPC_KILL:
   * the name of an errno, such as `EACCES`. Otherwise undefined.
   */
  readonly reason: string | undefined;
  /** The process of the device. */
  readonly processId: ProcessId;
  /** The task that wrote, read or waited. 0: an event loop waits for any of its tasks. */
  readonly taskId: TaskId;
  /**
   * The peer: the receiver of a written message, the sender of a read message, or the process that
   * is waited for.
   */
  readonly peerProcessId: ProcessId;
  readonly peerTaskId: TaskId;
  /** The type of the message, or of the message that is waited for (`request`: any). */
  readonly messageType: TraceMessageType;
  /**
   * Timestamp of the request in ns, which its answer repeats. Together with the calling task it
   * identifies the call in the traces of all devices. 0n for a wait for any message.
   */
  readonly timestamp: bigint;
  readonly code: number;
  /** The handle that the message is addressed to. */
  readonly handle: ServiceHandle;
  /** Size of the data, in bytes. */
  readonly size: number;
  /** True for a request that wants no answer. */
  readonly oneWay: boolean;
  /** IPC_WRITE: the receiver appeared to sleep. Otherwise: the task waits, or had to wait. */
  readonly waiting: boolean;
}

/** Records in the order of their creation. */
export interface Trace {
  readonly records: TraceRecord[];
  /** Number of records since the last reading that were overwritten before they were read. */
  readonly lost: number;
}

const hookNames = Object.keys(traceHooks) as TraceHook[];
/** Names by number. */
export const dropReasonNames = Object.keys(dropReasons) as DropReason[];

function reasonOf(hook: TraceHook, reason: number): string | undefined {
  if (hook === 'IPC_READ_DROP') return dropReasonNames[reason] ?? `reason ${reason}`;
  return reason === 0 ? undefined : codeOfStatus(reason);
}

function decodeRecord(words: Uint32Array, start: number): TraceRecord {
  const word = (index: number): number => words[start + index] ?? 0;
  const long = (index: number): bigint => (BigInt(word(index + 1)) << 32n) | BigInt(word(index));
  const hook = hookNames[word(TraceWords.Hook)];
  if (hook === undefined) throw new RangeError(`hook ${word(TraceWords.Hook)} is none`);
  return {
    time: long(TraceWords.Time),
    hook,
    reason: reasonOf(hook, word(TraceWords.Reason) | 0),
    processId: word(TraceWords.Process) as ProcessId,
    taskId: word(TraceWords.Task) as TaskId,
    peerProcessId: word(TraceWords.PeerProcess) as ProcessId,
    peerTaskId: word(TraceWords.PeerTask) as TaskId,
    messageType: messageTypes[word(TraceWords.Type)] ?? 'unknown',
    timestamp: long(TraceWords.Timestamp),
    code: word(TraceWords.Code),
    handle: word(TraceWords.Handle) as ServiceHandle,
    size: word(TraceWords.Size),
    oneWay: word(TraceWords.Flag) === MessageFlag.OneWay,
    waiting: word(TraceWords.WaitState) !== 0,
  };
}

/** Converts the records of a native trace. */
export function decodeTrace(trace: NativeTrace): Trace {
  const records: TraceRecord[] = [];
  for (let start = 0; start < trace.words.length; start += TraceWords.Words) {
    records.push(decodeRecord(trace.words, start));
  }
  return { records, lost: trace.lost };
}
