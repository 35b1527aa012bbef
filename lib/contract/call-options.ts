/** What a caller may say of a single call. */
import { checkTimeout, unexpected } from '../common/arguments.js';
import type { ServiceReference } from '../common/errors.js';
import { checkMetadata, type CallMetadata } from './metadata.js';
import type { FileSource, ReceivedFile } from '../native/files.js';

/** ms until a call without `timeoutMs` fails, as in the kernel. */
export const DEFAULT_TIMEOUT_MS = 5000;

/** Options of a single call. */
export interface CallOptions {
  /**
   * ms until the call fails with ETIME. Default 5000, as in the kernel; Infinity for no limit. The
   * service sees it as `call.deadline`.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Aborts the call: it rejects at once with a LiteIpcError named `AbortError`, code `ABORT_ERR`,
   * whose `cause` is the signal's reason. What was not sent yet is not sent; else the service's
   * `call.signal` is aborted. A one-way message that was sent stays sent.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Texts that travel beside the input, such as a trace context (`traceparent`, `tracestate`); the
   * service sees them as `call.metadata`. At most 8192 bytes; not with a method whose input is a
   * parcel.
   */
  readonly metadata?: CallMetadata | undefined;
  /**
   * Open files that the service gets as `call.files`, at most 16: numbers, `FileHandle`s, or
   * whatever else has an `fd`. They stay the caller's, who may close them as soon as the method has
   * returned its promise. Not with methods that use a parcel format.
   */
  readonly files?: readonly FileSource[] | undefined;
  /**
   * Where the files are put that come with the result, before the promise resolves; the caller
   * closes them. Without it they are closed.
   */
  readonly resultFiles?: ReceivedFile[] | undefined;
}

/** Throws a TypeError for options that are none. */
export function checkCallOptions(
  options: unknown,
  about: ServiceReference,
): asserts options is CallOptions {
  const where = `${about.service}.${about.method}`;
  if (typeof options !== 'object' || options === null) {
    throw unexpected('an object', `the options of ${where}`, options);
  }
  const { timeoutMs, signal, metadata, files, resultFiles } = options as CallOptions;
  if (timeoutMs !== undefined) checkTimeout(timeoutMs, `timeoutMs of ${where}`);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw unexpected('an AbortSignal', `signal of ${where}`, signal);
  }
  if (metadata !== undefined) checkMetadata(metadata, `metadata of ${where}`);
  if (files !== undefined && !Array.isArray(files)) {
    throw unexpected('an array', `files of ${where}`, files);
  }
  if (resultFiles !== undefined && !Array.isArray(resultFiles)) {
    throw unexpected('an array', `resultFiles of ${where}`, resultFiles);
  }
}
