/**
 * What goes over the wire between TypeScript programs: who is who, and the words of a message's
 * header that LiteIPC carries without looking at them.
 */

declare const brand: unique symbol;

/** A number that must not be mixed up with another kind of number. */
export type Branded<Name extends string> = number & { readonly [brand]: Name };

/** Names a service task within its domain; reused after its death, told apart by the generation. */
export type ServiceHandle = Branded<'ServiceHandle'>;
/** Names a task within its domain. A service's task ID is its handle. */
export type TaskId = Branded<'TaskId'>;
/** Names an opened device within its domain; not the operating system's pid. */
export type ProcessId = Branded<'ProcessId'>;

/** Who sent a message, as stamped by the domain: the sender cannot choose any of it. */
export interface Caller {
  /** The LiteIPC process, that is one opened device. */
  readonly processId: ProcessId;
  /** The task that sent it. */
  readonly taskId: TaskId;
  /** The operating system's process ID. */
  readonly pid: number;
  /** User ID at connect. */
  readonly uid: number;
  /** Group ID at connect. */
  readonly gid: number;
}

/**
 * How the data is encoded, one bit of the `cookie` word in requests and replies.
 * 0: MessagePack with maps as plain objects. 1: MessagePack with records, maps, and references
 * (cycles).
 */
export type EncodingBits = 0 | 1;

/** Bits of the `cookie` word. */
export interface CookieBits {
  /** See {@link EncodingBits}. */
  readonly Rich: 1;
  /** Requests: the `token` word names the call, which its caller may abort by that name. */
  readonly Abortable: 2;
  /** Requests: metadata stands behind the data; see lib/wire/metadata.ts. Never with a parcel. */
  readonly Metadata: 4;
  /**
   * The last object is a sealed memfd with bytes of the value; see lib/attachments/outgoing.ts.
   * Never with a parcel.
   */
  readonly Memory: 0x100;
  /** The value lies in that memory, the data says where. */
  readonly Outside: 0x200;
}

/**
 * The `code` word of a reply; in requests it is the method's index in its contract. An error is a
 * message of type MT_FAILED_REPLY; in any other reply, which may be a C program's, this word is not
 * looked at.
 */
export interface ReplyCodes {
  /** The data is the result. */
  readonly Result: 0;
  /** The data is an {@link WireError}: the implementation threw. */
  readonly Thrown: 1;
  /** The data is an {@link WireError}: LiteIPC itself refused the call. */
  readonly Refused: 2;
}

/** An error on its way to the caller. */
export interface WireError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  /** The next error of the cause chain, or any other value that could be encoded. */
  readonly cause?: WireError;
  /** What else the program had put there. */
  readonly properties?: Readonly<Record<string, unknown>>;
}
