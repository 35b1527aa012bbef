/** What travels beside the data of a message, on its way out. */

/** What each object takes of a message, in front of its data, bytes. */
export const OBJECT_SIZE = 24;
/** Most objects that one message carries, descriptors among them. */
export const OBJECTS_MAX = 256;

/** Objects of one message. Whoever has them calls `sent` or `close`. */
export interface ObjectsToSend {
  /** How many there are. */
  readonly count: number;
  /** What they take of a message, bytes. */
  readonly size: number;
  /** As the native side takes them: `ObjectWords.Words` words for each. */
  words(): Uint32Array;
  /** The message was sent. */
  sent(): void;
  /** They are not needed any more, sent or not. Idempotent. */
  close(): void;
}
