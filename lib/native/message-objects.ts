/** Defines the objects of an outgoing message. */

/** Size of an object in a message, in bytes. Objects precede the data. */
export const OBJECT_SIZE = 24;
/** Maximum number of objects in one message, including descriptors. */
export const OBJECTS_MAX = 256;

/** The objects of one message. Their owner must call `sent` or `close`. */
export interface ObjectsToSend {
  /** Number of objects. */
  readonly count: number;
  /** Space that they occupy in a message, in bytes. */
  readonly size: number;
  /** Returns `ObjectWords.Words` words per object, in the form that the native side takes. */
  words(): Uint32Array;
  /** Reports that the message was sent. */
  sent(): void;
  /** Releases the objects, whether they were sent or not. Idempotent. */
  close(): void;
}
