/** Converts the trace records of a domain to messages with names. */
import { decodeTrace, type TraceHook, type TraceRecord } from '../../trace/record.js';
import { ABORT_CODE } from '../../wire/header.js';
import type { MethodReport, WatchPart } from './contract.js';

/**
 * The content of the record: a message of this type, a dropped message, or a wait for a message.
 */
export type MessageKind = 'request' | 'reply' | 'error' | 'notice' | 'drop' | 'wait';

/** One side of a message. A field is absent if its value is not known. */
export interface Party {
  readonly processId: number;
  readonly taskId: number;
  readonly pid?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Name of the service that the task serves. */
  readonly service?: string;
}

/** A recorded message. */
export interface WatchedMessage {
  /** Time at which it was recorded. */
  readonly time: Date;
  readonly kind: MessageKind;
  readonly hook: TraceHook;
  /** For a drop or a wait: the reason. */
  readonly reason?: string;
  readonly from: Party;
  readonly to: Party;
  readonly service?: string;
  /**
   * Name of the method from the service's contract, or a number if the contract has no such method.
   * Absent if the request was not recorded.
   */
  readonly method?: string;
  /** Bytes of data. */
  readonly size: number;
  readonly oneWay: boolean;
  /** Time since the request was sent, ms. */
  readonly afterMs?: number;
}

/** Returns the names of a service's methods. Handle and generation distinguish its instances. */
export type MethodsOf = (
  service: string,
  handle: number,
  generation: number,
) => Promise<readonly MethodReport[]>;

/** Most requests without a reply, and most reported messages, that are stored. */
const REMEMBERED_MAX = 20_000;

/** A map of bounded size that removes its oldest entry. */
class BoundedMap<Value> {
  readonly #entries = new Map<string, Value>();

  get(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: Value): void {
    this.#entries.set(key, value);
    if (this.#entries.size <= REMEMBERED_MAX) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }
}

const kinds = {
  request: 'request',
  reply: 'reply',
  'failed-reply': 'error',
  'death-notice': 'notice',
  unknown: 'drop',
} as const;

function kindOf({ hook, messageType }: TraceRecord): MessageKind {
  if (hook === 'IPC_READ' || hook === 'IPC_WRITE') return kinds[messageType];
  return hook === 'IPC_READ_DROP' || hook === 'IPC_WRITE_DROP' ? 'drop' : 'wait';
}

/** Reads the parts of one watch. */
export class MessageReader {
  /** Difference of wall clock and trace clock, ms. */
  readonly #offsetMs = Date.now() - Number(process.hrtime.bigint()) / 1e6;
  readonly #asked = new BoundedMap<{ readonly service?: string; readonly method: string }>();
  readonly #reported = new BoundedMap<TraceHook>();

  constructor(private readonly methodsOf: MethodsOf) {}

  /**
   * Returns the messages of a part. A message that both its sender and its receiver recorded is
   * returned once, unless `each` is set.
   */
  async messages(part: WatchPart, each: boolean): Promise<WatchedMessage[]> {
    const words = new Uint32Array(Uint8Array.from(part.words).buffer);
    const peers = new Map(
      part.peers.map(([taskId, processId, pid, uid, gid]) => [
        taskId,
        { processId, pid, uid, gid },
      ]),
    );
    const services = new Map(
      part.services.map(([handle, generation, name]) => [handle, { generation, name }]),
    );
    const party = (processId: number, taskId: number): Party => {
      const service = services.get(taskId)?.name;
      const peer = peers.get(taskId);
      const isSame = processId === 0 || peer?.processId === processId;
      const known = { processId, taskId, ...(isSame ? peer : {}) };
      return service === undefined ? known : { ...known, service };
    };
    const messages: WatchedMessage[] = [];
    for (const record of decodeTrace({ words, lost: 0 }).records) {
      const own = party(record.processId, record.taskId);
      const peer = party(record.peerProcessId, record.peerTaskId);
      const isSent = record.hook === 'IPC_WRITE' || record.hook === 'IPC_WRITE_DROP';
      const [from, to] = isSent ? [own, peer] : [peer, own];
      const isRequest = record.messageType === 'request';
      // Caller task and time stamp identify the call in the traces of all processes.
      const key = `${(isRequest ? from : to).taskId} ${record.timestamp}`;
      const kind = kindOf(record);
      if (kind !== 'wait' && this.#wasReported(`${kind} ${key}`, record.hook) && !each) continue;
      const about =
        isRequest && kind !== 'wait' ? await this.#named(record, to, services) : undefined;
      if (about !== undefined) this.#asked.set(key, about);
      const known = about ?? this.#asked.get(key) ?? serviceOf(from, to);
      messages.push({
        time: new Date(this.#offsetMs + Number(record.time) / 1e6),
        kind,
        hook: record.hook,
        ...(record.reason === undefined ? {} : { reason: record.reason }),
        from,
        to,
        ...known,
        size: record.size,
        oneWay: isRequest && record.oneWay,
        ...(record.timestamp === 0n
          ? {}
          : { afterMs: Number(record.time - record.timestamp) / 1e6 }),
      });
    }
    return messages;
  }

  /** Returns whether the process of the other side has already reported the message. */
  #wasReported(key: string, hook: TraceHook): boolean {
    const reporter = this.#reported.get(key);
    if (reporter === undefined) this.#reported.set(key, hook);
    return reporter !== undefined && reporter !== hook;
  }

  async #named(
    { code }: TraceRecord,
    { service, taskId }: Party,
    services: ReadonlyMap<number, { readonly generation: number }>,
  ): Promise<{ readonly service?: string; readonly method: string }> {
    if (code === ABORT_CODE) return { ...(service && { service }), method: '(abort)' };
    if (service === undefined) return { method: String(code) };
    const methods = await this.methodsOf(service, taskId, services.get(taskId)?.generation ?? 0);
    return { service, method: methods[code]?.name ?? String(code) };
  }
}

function serviceOf(from: Party, to: Party): { readonly service?: string } {
  const service = to.service ?? from.service;
  return service === undefined ? {} : { service };
}
