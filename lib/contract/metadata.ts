/** Defines the metadata of a call: named texts that travel beside its input. */
import { unexpected } from '../common/arguments.js';

/** Texts by name, such as a trace context. */
export type CallMetadata = Readonly<Record<string, string>>;

/** Maximum size of one call's encoded metadata, in bytes. */
export const METADATA_MAX = 8192;

/** The metadata of a call that carries none. */
export const noMetadata: CallMetadata = Object.freeze({});

/** Throws a TypeError unless `value` is an object whose properties are all strings. */
export function checkMetadata(value: unknown, what: string): asserts value is CallMetadata {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unexpected('an object of texts', what, value);
  }
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw unexpected('text', `${what}.${key}`, text);
  }
}
