/**
 * Defines the errors of LiteIPC. There is one class, and programs distinguish errors by `code`. A
 * message contains the service, the method and the remedy. An exception of an implementation
 * arrives as a {@link RemoteError}, so that its code is not mistaken for one of LiteIPC. A wrong
 * argument type is a plain TypeError.
 */
import { constants } from 'node:os';

/** The service and the method that an error or an event is about. */
export interface ServiceReference {
  readonly service: string;
  readonly method: string;
}

/**
 * Codes of LiteIPC's own errors.
 *
 * - `ENOENT` no such service is registered
 * - `EPIPE` the service terminated before it answered
 * - `ETIME` no answer before the deadline
 * - `EACCES` the policy or the domain refuses
 * - `ENOMEM` the receiver's pool is full; nothing was sent
 * - `ENODEV` no such domain is running, or it has ended
 * - `EEXIST` a running service has the name
 * - `EINVAL` an argument, an input or an output does not match the contract
 * - `EMSGSIZE` larger than a message may be
 * - `EPROTO` the two sides have different contracts, or the data is not readable
 * - `EBUSY` the service runs its maximum number of calls, and its queue is full
 * - `EDQUOT` the caller's user has exceeded a quota; see {@link LiteIpcError.retryAfterMs}
 * - `ESHUTDOWN` the service is being withdrawn and has not begun the call
 * - `EOVERFLOW` a subscriber to an event fell behind
 * - `EAGAIN` the share of the domain or of the user is used up
 * - `EADDRINUSE` a domain of this name is running
 * - `EPERM` the domain's directory is not safe, or root uses a domain of another user
 * - `ECANCELED` this program closed the device
 * - `ABORT_ERR` the caller's own signal aborted the call; the name of the error is `AbortError`
 * - `EREMOTE` an implementation threw an error without a code ({@link RemoteError} only)
 */
export type LiteIpcErrorCode =
  | 'ENOENT'
  | 'EPIPE'
  | 'ETIME'
  | 'EACCES'
  | 'ENOMEM'
  | 'ENODEV'
  | 'EEXIST'
  | 'EINVAL'
  | 'EMSGSIZE'
  | 'EPROTO'
  | 'EBUSY'
  | 'ESHUTDOWN'
  | 'EDQUOT'
  | 'EOVERFLOW'
  | 'EAGAIN'
  | 'EADDRINUSE'
  | 'EPERM'
  | 'ECANCELED'
  | 'ABORT_ERR'
  | 'EREMOTE'
  | (string & {});

/** The class of all errors of LiteIPC, except TypeErrors for wrong argument types. */
export class LiteIpcError extends Error {
  /** The reason, for programs. */
  readonly code: LiteIpcErrorCode;
  /** Name of the service, if the error is about one. */
  readonly service: string | undefined;
  /** Name of the method, if the error is about one. */
  readonly method: string | undefined;
  /**
   * Only for EDQUOT: time in ms until the same message is admitted, if nothing else is sent in the
   * meantime.
   */
  declare readonly retryAfterMs?: number;

  constructor(
    code: LiteIpcErrorCode,
    message: string,
    about: {
      service?: string;
      method?: string;
      cause?: unknown;
      retryAfterMs?: number | undefined;
    } = {},
  ) {
    super(message, 'cause' in about ? { cause: about.cause } : undefined);
    this.code = code;
    this.service = about.service;
    this.method = about.method;
    if (about.retryAfterMs !== undefined) this.retryAfterMs = about.retryAfterMs;
  }

  static {
    this.prototype.name = 'LiteIpcError';
  }
}

/**
 * An error that the caller receives as one of LiteIPC, not as an exception of the implementation.
 * For failed validations, and for the parts of LiteIPC that are services themselves.
 */
export class Refusal extends LiteIpcError {}

const errnoNames = new Map<number, string>(
  Object.entries(constants.errno).map(([name, value]) => [value, name]),
);
// Linux has two names for this number.
errnoNames.set(constants.errno.EAGAIN, 'EAGAIN');

/** Returns the name of a negative errno, for example `EACCES`. */
export function codeOfStatus(status: number): LiteIpcErrorCode {
  return errnoNames.get(-status) ?? `E${-status}`;
}

/** Negative errno values by name. */
export const Status = {
  noEntry: -constants.errno.ENOENT,
  noDevice: -constants.errno.ENODEV,
  noMemory: -constants.errno.ENOMEM,
  noProcess: -constants.errno.ESRCH,
  access: -constants.errno.EACCES,
  invalid: -constants.errno.EINVAL,
  messageSize: -constants.errno.EMSGSIZE,
  brokenPipe: -constants.errno.EPIPE,
  inProgress: -constants.errno.EINPROGRESS,
  again: -constants.errno.EAGAIN,
} as const;

/** True if the receiver had no room for a message, so that the same send may succeed later. */
export function isNoRoom(status: number): boolean {
  return status === Status.noMemory || status === Status.again;
}

/** True if a send may succeed later: there was no room, or the lane is still being made. */
export function isTransient(status: number): boolean {
  return status === Status.inProgress || isNoRoom(status);
}

const explanations: Readonly<Record<string, string>> = {
  ENOENT: 'the service no longer exists; the next call looks it up again',
  EPIPE: 'the service terminated before it answered; the next call looks it up again',
  EACCES: 'this process has no right to call it; the policy of the ServiceManager grants it',
  ENOMEM:
    "the service's pool is full of messages from this process; nothing was sent: call again when it " +
    'has caught up, have fewer calls in flight, or open its device with a larger poolSize',
  ENODEV:
    'the domain has ended; the device reconnects, and calls that were in flight are not repeated',
  ECANCELED: 'the device was closed by this program',
  EINVAL: 'the domain refused the message',
};

/** Returns the error of a call. The default of `explanation` describes the code. */
export function callError(
  code: LiteIpcErrorCode,
  about: ServiceReference,
  explanation?: string,
  retryAfterMs?: number,
): LiteIpcError {
  const text = explanation ?? explanations[code] ?? 'the call failed';
  const { service, method } = about;
  const details = { service, method, retryAfterMs };
  return new LiteIpcError(code, `${service}.${method}: ${text} (${code})`, details);
}

/** Like {@link callError}, but as an error with which LiteIPC answers a call. */
export function callRefusal(
  code: LiteIpcErrorCode,
  about: ServiceReference,
  explanation: string,
  details: { readonly cause?: unknown; readonly retryAfterMs?: number | undefined } = {},
): Refusal {
  const { service, method } = about;
  const text = `${service}.${method}: ${explanation} (${code})`;
  return new Refusal(code, text, { service, method, ...details });
}

/** Returns the error of a call that its own signal aborted. Its name is that of the platform. */
export function abortError(about: ServiceReference, reason: unknown): LiteIpcError {
  const text = `${about.service}.${about.method}: aborted by its signal (ABORT_ERR)`;
  const error = new LiteIpcError('ABORT_ERR', text, { ...about, cause: reason });
  Object.defineProperty(error, 'name', {
    value: 'AbortError',
    configurable: true,
    enumerable: false,
    writable: true,
  });
  return error;
}

/** Returns a thrown value as an error, because JavaScript can throw any value. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/**
 * Returns true if a service refused a call because it is being withdrawn. Then the call has not
 * begun.
 */
export function isShutdown(error: Error): boolean {
  return (
    error instanceof LiteIpcError && error.code === 'ESHUTDOWN' && error.name === 'LiteIpcError'
  );
}

/** Returns the error of a domain that cannot be opened or started, with the remedy for its code. */
export function domainError(
  error: unknown,
  domain: string,
  remedies: Readonly<Record<string, string>>,
): Error {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code !== 'string' || !(error instanceof Error)) return error as Error;
  const text = remedies[code] ?? error.message;
  return new LiteIpcError(code, `Domain "${domain}": ${text} (${code})`, { cause: error });
}
