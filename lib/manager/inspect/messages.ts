/** Makes messages with names out of what the traces of a domain have recorded. */
import { decodeTrace, type TraceHook, type TraceRecord } from '../../trace/record.js';
import { ABORT_CODE } from '../../wire/header.js';
import type { MethodReport, WatchPart } from './contract.js';

/** What has become of a message; `wait`: of a wait for one. */
export type MessageKind = 'request' | 'reply' | 'error' | 'notice' | 'drop' | 'wait';

/** One side of a message. What is absent is not known (any more). */
export interface Party {
  readonly processId: number;
  readonly taskId: number;
  readonly pid?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** The service that the task serves. */
  readonly service?: string;
}

/** A message that was seen. */
export interface WatchedMessage {
  /** When it was seen. */
  readonly time: Date;
  readonly kind: MessageKind;
  readonly hook: TraceHook;
  /** Of a drop or a wait: why. */
  readonly reason?: string;
  readonly from: Party;
  readonly to: Party;
  readonly service?: string;
  /**
   * By the service's contract; a number if that has none of it; absent if the request was not seen.
   */
  readonly method?: string;
  /** Bytes of data. */
  readonly size: number;
  readonly oneWay: boolean;
  /** ms since the request was sent. */
  readonly afterMs?: number;
}

/** Names the methods of a service; handle and generation tell its instances apart. */
export type MethodsOf = (
  service: string,
  handle: number,
  generation: number,
) => Promise<readonly MethodReport[]>;

/** Requests whose answers may come, and messages that were told of already. */
const REMEMBERED_MAX = 20_000;

/** A map that forgets its oldest. */
class Memory<Value> {
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
  readonly #methodsOf: MethodsOf;
  /** Wall clock minus trace clock, ms. */
  readonly #offsetMs = Date.now() - Number(process.hrtime.bigint()) / 1e6;
  readonly #asked = new Memory<{ readonly service?: string; readonly method: string }>();
  readonly #told = new Memory<TraceHook>();

  constructor(methodsOf: MethodsOf) {
    this.#methodsOf = methodsOf;
  }

  /**
   * The messages of a part. One that two processes have seen, who sent it and who received it, is
   * given once, unless `each` seeing is wanted.
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
      // Together they name the call in the traces of all processes.
      const key = `${(isRequest ? from : to).taskId} ${record.timestamp}`;
      const kind = kindOf(record);
      if (kind !== 'wait' && this.#wasTold(`${kind} ${key}`, record.hook) && !each) continue;
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

  /** Whether the other side's process has told of it already. */
  #wasTold(key: string, hook: TraceHook): boolean {
    const told = this.#told.get(key);
    if (told === undefined) this.#told.set(key, hook);
    return told !== undefined && told !== hook;
  }

  async #named(
    { code }: TraceRecord,
    { service, taskId }: Party,
    services: ReadonlyMap<number, { readonly generation: number }>,
  ): Promise<{ readonly service?: string; readonly method: string }> {
    if (code === ABORT_CODE) return { ...(service && { service }), method: '(abort)' };
    if (service === undefined) return { method: String(code) };
    const methods = await this.#methodsOf(service, taskId, services.get(taskId)?.generation ?? 0);
    return { service, method: methods[code]?.name ?? String(code) };
  }
}

function serviceOf(from: Party, to: Party): { readonly service?: string } {
  const service = to.service ?? from.service;
  return service === undefined ? {} : { service };
}
