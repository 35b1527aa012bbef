/** Defines and checks the options of a single call. */
import { checkTimeout, unexpected } from '../common/arguments.js';
import type { ServiceReference } from '../common/errors.js';
import { checkMetadata, type CallMetadata } from './metadata.js';
import type { FileSource, ReceivedFile } from '../native/files.js';

/** Time limit in ms of a call without `timeoutMs`, as in the kernel. */
export const DEFAULT_TIMEOUT_MS = 5000;

/** Options of a single call. */
export interface CallOptions {
  /**
   * Time in ms until the call fails with ETIME. The default is 5000, as in the kernel; Infinity
   * means no limit. The service reads it as `call.deadline`.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Aborts the call. The call rejects at once with a LiteIpcError named `AbortError`, code
   * `ABORT_ERR`, whose `cause` is the reason of the signal. A request that was not sent yet is
   * discarded. Otherwise the `call.signal` of the service is aborted. A one-way message that was
   * sent cannot be aborted.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Texts that travel beside the input, for example a trace context (`traceparent`, `tracestate`).
   * The service reads them as `call.metadata`. At most 8192 bytes. Not allowed for a method whose
   * input is a parcel.
   */
  readonly metadata?: CallMetadata | undefined;
  /**
   * Open files that the service receives as `call.files`, at most 16: numbers, `FileHandle`s, or
   * other objects with an `fd`. The caller continues to own them, and may close them as soon as the
   * method has returned its promise. Not allowed for methods with a parcel format.
   */
  readonly files?: readonly FileSource[] | undefined;
  /**
   * Receives the files that come with the result, before the promise resolves. The caller must
   * close them. Without this array they are closed.
   */
  readonly resultFiles?: ReceivedFile[] | undefined;
}

/** Throws a TypeError for invalid options. */
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
