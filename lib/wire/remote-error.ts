/**
 * Errors across the wire: an implementation's exception, and a refusal by LiteIPC on the other
 * side.
 */
import type { ReplyCodes, WireError } from '../../types/wire.js';
import { define, giveProperties, ownProperties } from './extensions.js';
import { LiteIpcError, type ServiceReference } from '../common/errors.js';
import { findUnsendable } from './sendable.js';

/** The `code` word of replies; what tells an error from a result is the message's type. */
export const ReplyCode: ReplyCodes = { Result: 0, Thrown: 1, Refused: 2 };

/** Deepest cause chain that is told; protects against cycles. */
const CAUSES_MAX = 8;
/** Longest message or stack that is told, characters, so that an error always fits a message. */
const TEXT_MAX = 4000;

/**
 * An exception of the implementation, thrown on the other side. `name`, `message`, `code`, `cause`
 * and its own properties are those of the original, as far as they can be sent and this class has
 * none of the same name; `code` is EREMOTE if it had none, or one that is not text. Its `stack` is
 * this side's, {@link remoteStack} the original's.
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
    define(this, 'name', error.name);
    if (error.properties !== undefined) giveProperties(this, error.properties);
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

function propertiesOf(error: Error): Record<string, unknown> | undefined {
  try {
    const own = ownProperties(error);
    if (typeof own?.['code'] === 'string') delete own['code']; // told apart from these
    return own;
  } catch {
    return undefined; // a getter that throws
  }
}

function isSendable(value: unknown): boolean {
  try {
    return findUnsendable(value) === undefined;
  } catch {
    return false; // a getter or toJSON that throws
  }
}

/** The same error with those properties alone that `keep` admits. */
function filtered(error: WireError, keep: (value: unknown) => boolean): WireError {
  const { name, message, code, stack, cause, properties } = error;
  const kept = Object.entries(properties ?? {}).filter(([, value]) => keep(value));
  return {
    name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(stack === undefined ? {} : { stack }),
    ...(cause === undefined ? {} : { cause: filtered(cause, keep) }),
    ...(kept.length === 0 ? {} : { properties: Object.fromEntries(kept) }),
  };
}

/** The same error without the properties that cannot be sent. */
export function withSendableProperties(error: WireError): WireError {
  return filtered(error, isSendable);
}

/** The same error without its properties. */
export function withoutProperties(error: WireError): WireError {
  return filtered(error, () => false);
}

/** What is told of a thrown value, which may be anything. */
export function toWireError(thrown: unknown, depth = 0): WireError {
  if (!(thrown instanceof Error)) {
    return { name: 'Error', message: clip(textOf(thrown)) };
  }
  const { code, stack, cause } = thrown as Error & { code?: unknown };
  const properties = propertiesOf(thrown);
  return {
    name: clip(textOf(thrown.name)),
    message: clip(textOf(thrown.message)),
    ...(typeof code === 'string' ? { code: clip(code) } : {}),
    ...(typeof stack === 'string' ? { stack: clip(stack) } : {}),
    ...(cause === undefined || depth >= CAUSES_MAX ? {} : { cause: toWireError(cause, depth + 1) }),
    ...(properties === undefined ? {} : { properties }),
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
    (error['properties'] === undefined || typeof error['properties'] === 'object') &&
    (error['cause'] === undefined || isWireError(error['cause'], depth + 1))
  );
}

/**
 * The error that a failed reply stands for: of an implementation or of LiteIPC on the other side by
 * its code; without data it is a C program's, which does not say why it failed.
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
  const retryAfterMs = value.properties?.['retryAfterMs'];
  return new LiteIpcError(value.code ?? 'EPROTO', value.message, {
    ...{ service: about.service, method: about.method },
    ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
  });
}
