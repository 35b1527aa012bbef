/** Makes the errors with which the registry refuses a request. */
import type { Caller } from '../../types/wire.js';
import { describeCaller } from '../common/caller.js';
import { Refusal, type LiteIpcErrorCode } from '../common/errors.js';
import { shapeDifferences } from '../contract/shape.js';
import type { Decision } from '../policy/policy.js';
import { INSTANCES_MAX } from '../registry/protocol.js';
import type { Registration } from './registration.js';

/** Returns a refusal about a service; `text` follows the service's name in the message. */
export function refusal(code: LiteIpcErrorCode, name: string, text: string): Refusal {
  return new Refusal(code, `Service "${name}" ${text} (${code})`, { service: name });
}

/** Returns the EACCES refusal for a caller that the policy does not admit. */
export function refusedCaller(name: string, caller: Caller, { explanation }: Decision): Refusal {
  return refusal('EACCES', name, `refuses ${describeCaller(caller)}: ${explanation}`);
}

/** Returns the ENOENT refusal for a name without a service. */
export function notRegistered(name: string): Refusal {
  const text = `No service "${name}" is registered: start the process that exposes it (ENOENT)`;
  return new Refusal('ENOENT', text, { service: name });
}

/**
 * Checks that a service may register beside the living registrations `others` of the same name.
 * Throws EEXIST if the name has one owner, EPROTO if the contracts differ, and EAGAIN if the name
 * has the most instances.
 */
export function checkNameIsFree(
  name: string,
  shape: string,
  many: boolean,
  others: readonly Registration[],
): void {
  const [other] = others;
  if (other === undefined) return;
  const served = `is being served by ${describeCaller(other.owner)}`;
  if (!many || !other.many) {
    const why =
      many === other.many
        ? 'a name has one owner'
        : "every one of several instances must say instances: 'many'";
    throw refusal('EEXIST', name, `${served}; ${why}`);
  }
  if (other.shape !== shape) {
    const difference = shapeDifferences(shape, other.shape)
      .join('; ')
      .replaceAll('service', 'other instance');
    throw refusal('EPROTO', name, `${served} with another contract: ${difference}`);
  }
  if (others.length >= INSTANCES_MAX) {
    throw refusal('EAGAIN', name, `has ${INSTANCES_MAX} instances already`);
  }
}
