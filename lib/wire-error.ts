/** Errors across the wire: an implementation's exception, and a refusal by LiteIPC on the other side. */
import type { ReplyCodes, WireError } from '../types/wire.js';
import { LiteIpcError, type ServiceReference } from './errors.js';

/** The `code` word of replies; what tells an error from a result is the message's type. */
export const ReplyCode: ReplyCodes = { Result: 0, Thrown: 1, Refused: 2 };

/** Deepest cause chain that is told; protects against cycles. */
const CAUSES_MAX = 8;
/** Longest message or stack that is told, characters, so that an error always fits a message. */
const TEXT_MAX = 4000;

/**
 * An exception of the implementation, thrown on the other side. `name`, `message`, `code` and `cause`
 * are those of the original; `code` is EREMOTE if it had none. Its `stack` is this side's,
 * {@link remoteStack} the original's.
 */
export class RemoteError extends LiteIpcError {
  /** Where it was thrown, on the other side. */
  readonly remoteStack: string | undefined;

  constructor(error: WireError, about?: ServiceReference) {
    super(error.code ?? 'EREMOTE', error.message, {
      ...about,
      ...(error.cause === undefined ? {} : { cause: new RemoteError(error.cause) }),
    });
    this.remoteStack = error.stack;
    Object.defineProperty(this, 'name', {
      value: error.name,
      configurable: true,
      enumerable: false,
      writable: true,
    });
  }
}

function clip(text: string): string {
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}...` : text;
}

function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'a value that cannot be shown';
  }
}

/** What is told of a thrown value, which may be anything. */
export function toWireError(thrown: unknown, depth = 0): WireError {
  if (!(thrown instanceof Error)) {
    return { name: 'Error', message: clip(textOf(thrown)) };
  }
  const { code, stack, cause } = thrown as Error & { code?: unknown };
  return {
    name: clip(textOf(thrown.name)),
    message: clip(textOf(thrown.message)),
    ...(typeof code === 'string' ? { code: clip(code) } : {}),
    ...(typeof stack === 'string' ? { stack: clip(stack) } : {}),
    ...(cause === undefined || depth >= CAUSES_MAX ? {} : { cause: toWireError(cause, depth + 1) }),
  };
}

function isWireError(value: unknown, depth = 0): value is WireError {
  if (typeof value !== 'object' || value === null || depth > CAUSES_MAX + 1) return false;
  const error = value as Record<string, unknown>;
  return (
    typeof error['name'] === 'string' &&
    typeof error['message'] === 'string' &&
    (error['code'] === undefined || typeof error['code'] === 'string') &&
    (error['stack'] === undefined || typeof error['stack'] === 'string') &&
    (error['cause'] === undefined || isWireError(error['cause'], depth + 1))
  );
}

/**
 * The error that a failed reply stands for: of an implementation or of LiteIPC on the other side by its
 * code; without data it is a C program's, which does not say why it failed.
 */
export function fromWireError(value: unknown, replyCode: number, about: ServiceReference): Error {
  if (value === undefined) {
    const message = `${about.service}.${about.method}: the service failed and does not say why (EREMOTE)`;
    return new RemoteError({ name: 'Error', message }, about);
  }
  if (!isWireError(value)) {
    const text = `${about.service}.${about.method}: the service's error is not readable (EPROTO)`;
    return new LiteIpcError('EPROTO', text, about);
  }
  if (replyCode === ReplyCode.Thrown) return new RemoteError(value, about);
  return new LiteIpcError(value.code ?? 'EPROTO', value.message, about);
}
