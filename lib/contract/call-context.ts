/** Defines what an implementation can learn about the call that it serves. */
import type { Caller } from '../../types/wire.js';
import type { FileSource, ReceivedFile } from '../native/files.js';
import type { CallMetadata } from './metadata.js';

/** Describes one call. Every implementation receives a `CallContext` as its second argument. */
export interface CallContext {
  /** The caller, as stamped by the domain. The caller cannot choose these values. */
  readonly caller: Caller;
  /**
   * End of the time for which the caller waits, in ms on the clock of `performance.now()`. Infinity
   * for a call without a time limit and for one-way methods.
   */
  readonly deadline: number;
  /** Time left until the deadline, in ms; 0 when it has passed. */
  readonly remainingMs: number;
  /**
   * Aborted as soon as the caller no longer waits for the answer. Its `reason` is a LiteIpcError:
   * `ABORT_ERR` the caller aborted the call, `ETIME` the deadline passed, `EPIPE` the caller
   * terminated, `EACCES` the caller lost the right to make this call, `ECANCELED` this service was
   * withdrawn, `ENODEV` the domain ended. The service notices EPIPE and EACCES within 100 ms. The
   * signal is not aborted after the call was answered. It has no cost unless it is read.
   */
  readonly signal: AbortSignal;
  /** The caller's `metadata`; empty if it sent none. The caller chooses it: do not trust it. */
  readonly metadata: CallMetadata;
  /**
   * The files that came with the call. They are closed when the call ends, except those that the
   * implementation retains (`file.keep()`) or releases (`file.release()`).
   */
  readonly files: readonly ReceivedFile[];
  /**
   * Sends an open file with the result, at most 16. The descriptor is duplicated at once, so the
   * file may be closed before the method returns. The duplicate is closed if the method throws.
   * Throws a TypeError or a LiteIpcError: EBADF, EMFILE, EINVAL (too many files, or a method whose
   * answer cannot carry files).
   */
  attach(file: FileSource): void;
}
