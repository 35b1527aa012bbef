/**
 * Defines the identities of callers, and the header words of messages that LiteIPC carries without
 * interpretation.
 */

declare const brand: unique symbol;

/** A number type that is not assignable from other numbers. */
export type Branded<Name extends string> = number & { readonly [brand]: Name };

/**
 * Identifies the task of a service within its domain. Handles are reused; the generation
 * distinguishes the tasks.
 */
export type ServiceHandle = Branded<'ServiceHandle'>;
/** Identifies a task within its domain. The task ID of a service is its handle. */
export type TaskId = Branded<'TaskId'>;
/** Identifies an open device within its domain. It is not the pid of the operating system. */
export type ProcessId = Branded<'ProcessId'>;

/** The sender of a message, as stamped by the domain. The sender cannot choose these values. */
export interface Caller {
  /** The LiteIPC process: one open device. */
  readonly processId: ProcessId;
  /** The sending task. */
  readonly taskId: TaskId;
  /** Process ID of the operating system. */
  readonly pid: number;
  /** User ID when the device was opened. */
  readonly uid: number;
  /** Group ID when the device was opened. */
  readonly gid: number;
}

/**
 * Encoding of the data: one bit of the `cookie` word in requests and replies. 0: MessagePack with
 * maps as plain objects. 1: MessagePack with records, maps, and references (cycles).
 */
export type EncodingBits = 0 | 1;

/** Bits of the `cookie` word. */
export interface CookieBits {
  /** See {@link EncodingBits}. */
  readonly Rich: 1;
  /** Requests: the `token` word identifies the call, and the caller may abort it by this token. */
  readonly Abortable: 2;
  /** Requests: metadata follows the data; see lib/wire/metadata.ts. Never with a parcel. */
  readonly Metadata: 4;
  /**
   * The last object is a sealed memfd with bytes of the value; see lib/attachments/outgoing.ts.
   * Never with a parcel.
   */
  readonly Memory: 0x100;
  /** That memory contains the value; the data is its location. */
  readonly Outside: 0x200;
}

/**
 * The `code` word of a reply; in requests it is the index of the method in its contract. An error
 * is a message of type MT_FAILED_REPLY. In other replies, which C programs may send too, this word
 * is ignored.
 */
export interface ReplyCodes {
  /** The data is the result. */
  readonly Result: 0;
  /** The data is a {@link WireError}: the implementation threw. */
  readonly Thrown: 1;
  /** The data is a {@link WireError}: LiteIPC itself refused the call. */
  readonly Refused: 2;
}

/** The form of an error in messages. */
export interface WireError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  /** The next error of the cause chain, or any other value that can be encoded. */
  readonly cause?: WireError;
  /** Other properties of the error. */
  readonly properties?: Readonly<Record<string, unknown>>;
}
