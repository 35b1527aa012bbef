/**
 * Converts errors to their form on the wire and back: exceptions of implementations, and refusals
 * by LiteIPC.
 */
import type { ReplyCodes, WireError } from '../../types/wire.js';
import { define, giveProperties, ownProperties } from './extensions.js';
import { LiteIpcError, type ServiceReference } from '../common/errors.js';
import { findUnsendable } from './sendable.js';

/**
 * Values of the `code` word in replies. The type of the message distinguishes errors from results.
 */
export const ReplyCode: ReplyCodes = { Result: 0, Thrown: 1, Refused: 2 };

/** Maximum length of a cause chain. Also protects against cycles. */
const CAUSES_MAX = 8;
/** Maximum length of a message or stack in characters, so that an error always fits a message. */
const TEXT_MAX = 4000;

/**
 * An exception of the implementation, rethrown to the caller. `name`, `message`, `code`, `cause`
 * and the own properties are those of the original, except properties that cannot be sent or whose
 * name this class uses. `code` is EREMOTE if the original has no code of type string. `stack`
 * belongs to this process; {@link remoteStack} is the original one.
 */
export class RemoteError extends LiteIpcError {
  /** Stack of the original error in the process of the service. */
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
    if (typeof own?.['code'] === 'string') delete own['code']; // sent separately
    return own;
  } catch {
    return undefined; // A getter threw.
  }
}

function isSendable(value: unknown): boolean {
  try {
    return findUnsendable(value) === undefined;
  } catch {
    return false; // A getter or toJSON threw.
  }
}

/** Returns the error with only those properties that `isAllowed` accepts. */
function filtered(error: WireError, isAllowed: (value: unknown) => boolean): WireError {
  const { name, message, code, stack, cause, properties } = error;
  const allowed = Object.entries(properties ?? {}).filter(([, value]) => isAllowed(value));
  return {
    name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(stack === undefined ? {} : { stack }),
    ...(cause === undefined ? {} : { cause: filtered(cause, isAllowed) }),
    ...(allowed.length === 0 ? {} : { properties: Object.fromEntries(allowed) }),
  };
}

/** Returns the error without the properties that cannot be sent. */
export function withSendableProperties(error: WireError): WireError {
  return filtered(error, isSendable);
}

/** Returns the error without its properties. */
export function withoutProperties(error: WireError): WireError {
  return filtered(error, () => false);
}

/** Returns the wire form of a thrown value of any type. */
export function toWireError(thrown: unknown, depth = 0): WireError {
  if (!(thrown instanceof Error)) return { name: 'Error', message: clip(textOf(thrown)) };
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
 * Returns the error of a failed reply. The reply code distinguishes exceptions of the
 * implementation from refusals by LiteIPC. A reply without data comes from a C program and gives no
 * reason.
 */
export function fromWireError(value: unknown, replyCode: number, about: ServiceReference): Error {
  if (value === undefined) {
    const message = `${about.service}.${about.method}: the service failed and gave no reason (EREMOTE)`;
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
