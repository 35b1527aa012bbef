/** Whether a service may have a name beside those that have it. */
import { describeCaller } from '../common/caller.js';
import { shapeDifferences } from '../contract/shape.js';
import { Refusal } from '../common/errors.js';
import type { Registration } from './registration.js';

/** Most instances of one service. */
export const INSTANCES_MAX = 64;

/** Whether a registration is the one of this task. */
export function isTask(
  service: Registration,
  task: { readonly taskId: number; readonly generation: number },
): boolean {
  return service.handle === task.taskId && service.generation === task.generation;
}

/** Throws a Refusal if there is no place for one more; `others` have the name and live. */
export function checkPlace(
  name: string,
  shape: string,
  many: boolean,
  others: readonly Registration[],
): void {
  const [other] = others;
  if (other === undefined) return;
  const owner = `Service "${name}" is being served by ${describeCaller(other.owner)}`;
  if (!many || !other.many) {
    const why =
      many === other.many
        ? 'a name has one owner'
        : "every one of several instances must say instances: 'many'";
    throw new Refusal('EEXIST', `${owner}; ${why} (EEXIST)`, { service: name });
  }
  if (other.shape !== shape) {
    const difference = shapeDifferences(shape, other.shape)
      .join('; ')
      .replaceAll('service', 'other instance');
    const text = `${owner} with another contract: ${difference} (EPROTO)`;
    throw new Refusal('EPROTO', text, { service: name });
  }
  if (others.length >= INSTANCES_MAX) {
    const text = `Service "${name}" has ${INSTANCES_MAX} instances already (EAGAIN)`;
    throw new Refusal('EAGAIN', text, { service: name });
  }
}
