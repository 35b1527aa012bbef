/** What the registry answers when it refuses. */
import type { Caller } from '../../types/wire.js';
import { describeCaller } from '../common/caller.js';
import { Refusal } from '../common/errors.js';
import type { Decision } from '../policy/policy.js';

/** The policy does not admit the caller. */
export function refusedCaller(name: string, caller: Caller, { explanation }: Decision): Refusal {
  return refused(name, `refuses ${describeCaller(caller)}: ${explanation}`);
}

/** EACCES; `text` goes on after the service's name. */
export function refused(name: string, text: string): Refusal {
  return new Refusal('EACCES', `Service "${name}" ${text} (EACCES)`, { service: name });
}

/** ENOENT. */
export function notRegistered(name: string): Refusal {
  const text = `No service "${name}" is registered: start the process that exposes it (ENOENT)`;
  return new Refusal('ENOENT', text, { service: name });
}
