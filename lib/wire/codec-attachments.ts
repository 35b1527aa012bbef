/**
 * Values that travel beside the encoded data, as objects of the message: in the data stands a
 * placeholder, which this extension of msgpackr writes and reads. What may be attached, and what
 * becomes of it, others say (attachments.ts, arrived-attachments.ts).
 *
 * As with errors (codec-errors.ts) the table of extensions is that of the whole thread: this one
 * answers only while an encoder or decoder of this package is at work that has said what to do with
 * attachments.
 */
import { addExtension } from 'msgpackr';

const EXTENSION_TYPE = 0x7d;

/** Takes what is to travel beside the data. */
export interface AttachmentSink {
  /** What is to stand in place of an object; undefined if it is encoded like others. */
  attach(value: object): readonly unknown[] | undefined;
}

/** Gives back what came beside the data. */
export interface AttachmentSource {
  /**
   * The object for which a placeholder stands. The placeholder is the sender's: anything. Throws an
   * `Error`.
   */
  take(placeholder: unknown): object;
}

let sink: AttachmentSink | undefined;
let source: AttachmentSource | undefined;
let placeholder: readonly unknown[] | undefined;

/** From now on this one takes attachments; gives the one before, which is to be put back. */
export function exchangeSink(next: AttachmentSink | undefined): AttachmentSink | undefined {
  const before = sink;
  sink = next;
  return before;
}

/** Decodes with attachments. */
export function withSource(from: AttachmentSource, decode: () => unknown): unknown {
  const before = source;
  source = from;
  try {
    return decode();
  } finally {
    source = before;
  }
}

/** Asked about every object that is neither plain nor an array nor a Map. */
const Attachment = Object.defineProperty(() => undefined, Symbol.hasInstance, {
  value: (value: object): boolean => {
    if (sink === undefined) return false;
    placeholder = sink.attach(value);
    return placeholder !== undefined;
  },
}) as unknown as ErrorConstructor;

addExtension({
  Class: Attachment,
  type: EXTENSION_TYPE,
  write: () => placeholder,
  read: (found: unknown) => {
    if (source === undefined) throw new Error(`Unknown extension ${EXTENSION_TYPE}`);
    return source.take(found);
  },
});
