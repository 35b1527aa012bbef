/**
 * Dispatches the PULL, READY and PUSH requests of streams: finds the stream, and checks access.
 */
import type { NativeDevice } from '../../types/native.js';
import type { IncomingCall } from '../service/incoming-call.js';
import type { CallWatch } from '../service/call-watch.js';
import { Refusal, callRefusal, type LiteIpcError } from '../common/errors.js';
import type { IncomingData } from './incoming-message.js';
import { Incoming, MessageFlag } from '../native/layout.js';
import type { PendingRequest, Replies } from '../service/replies.js';
import type { ServiceHost } from '../service/host.js';
import { streamEnded } from '../service/stream.js';
import { StreamCode } from '../wire/header.js';

/**
 * Dispatches the stream requests of one connection. `base` is the index of an event's first word.
 */
export class StreamDispatcher {
  readonly #incoming: Uint32Array;

  constructor(
    native: NativeDevice,
    private readonly data: IncomingData,
    private readonly watch: CallWatch<IncomingCall>,
    private readonly replies: Replies,
  ) {
    this.#incoming = native.incoming;
  }

  /**
   * Dispatches a request with a code of {@link StreamCode}. A one-way message has been freed
   * already.
   */
  take(host: ServiceHost, base: number): void {
    const incoming = this.#incoming;
    const code = incoming[base + Incoming.Code] as number;
    const oneway = incoming[base + Incoming.Flag] === MessageFlag.OneWay;
    const to: PendingRequest = {
      task: incoming[base + Incoming.Task] as number,
      request: incoming[base + Incoming.Request] as number,
      callerTask: incoming[base + Incoming.TaskId] as number,
    };
    const call = this.#find(to, base);
    const stream = call?.stream;
    if (call === undefined || stream === undefined) {
      if (!oneway) this.replies.sendRefusal(to, this.#unknown(host));
      return;
    }
    try {
      this.#checkAccess(host, call, incoming[base + Incoming.DataSize] as number);
      if (oneway !== (code === StreamCode.Push))
        throw callRefusal('EPROTO', call.method, 'the request has the wrong kind');
      if (code === StreamCode.Pull) stream.pull(to);
      else if (code === StreamCode.Ready) stream.ready(to);
      else stream.push(this.#bytes(base, call));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (!oneway) this.replies.sendRefusal(to, error);
      // A client that breaks the protocol, or lost the right to call, loses the whole stream.
      host.refuse(this.replies, call, error);
    }
  }

  #find({ task, callerTask }: PendingRequest, base: number): IncomingCall | undefined {
    const call = this.watch.find(callerTask, this.#incoming[base + Incoming.Token] as number);
    const generation = this.#incoming[base + Incoming.TaskGeneration] as number;
    if (call?.task !== task || call.callerGeneration !== generation) return undefined;
    return call;
  }

  /**
   * Checks access again: the rules may have changed since the opening call. Items count towards
   * the limits, too.
   */
  #checkAccess({ access }: ServiceHost, { caller, method }: IncomingCall, size: number): void {
    if (access?.restricted !== true) return;
    const refused = access.check(caller, method.index, size, method, 0);
    if (refused === undefined) return;
    const { code, message, retryAfterMs } = refused;
    throw callRefusal(code, method, message, { retryAfterMs });
  }

  #bytes(base: number, call: IncomingCall): Uint8Array {
    try {
      return this.data.bytes(base);
    } catch (error) {
      throw callRefusal('EPROTO', call.method, (error as Error).message);
    }
  }

  #unknown({ contract }: ServiceHost): LiteIpcError {
    return streamEnded({ service: contract.name, method: 'a stream' });
  }
}
