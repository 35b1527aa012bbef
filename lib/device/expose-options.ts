/** What a program may say of a service that it offers. */
import type { AdmissionLimits } from '../service/admission.js';
import { checkFunction, checkInteger, checkObject, unexpected } from '../common/arguments.js';
import type { OnServiceError } from '../service/host.js';

/** What `device.expose` takes besides contract and implementation. */
export interface ExposeOptions {
  /**
   * Told what nobody waits for: errors of one-way methods, with the method's name. Default: a
   * process warning.
   */
  readonly onError?: OnServiceError;
  /**
   * How many calls may run at once, one-way messages included; more wait for their turn, which goes
   * round the calling processes. Default: any number.
   */
  readonly concurrency?: number;
  /**
   * How many calls may wait. Further ones fail with EBUSY, first those of the process that has most
   * of them waiting; one-way messages are told to `onError`. Default 1000. Only with `concurrency`.
   */
  readonly queue?: number;
  /**
   * `many`: this is one of several instances, in this or in other processes; each of them has to
   * say it. Their clients spread the calls over all of them. Default `one`.
   */
  readonly instances?: 'one' | 'many';
  /**
   * How many payloads of an event may wait for one subscriber; one that falls behind further gets
   * those and then EOVERFLOW. Default 1000.
   */
  readonly eventQueue?: number;
}

const QUEUE_DEFAULT = 1000;
const LIMIT_MAX = 1_000_000;

function checkInstances(instances: unknown): void {
  if (instances === undefined || instances === 'one' || instances === 'many') return;
  throw unexpected("'one' or 'many'", 'instances', instances);
}

/** The limits that the options state, if any. Throws a TypeError for options that are none. */
export function limitsOf(options: ExposeOptions): AdmissionLimits | undefined {
  checkObject(options, 'the options of expose');
  const { concurrency, queue, onError, eventQueue } = options;
  if (eventQueue !== undefined) checkInteger(eventQueue, 'eventQueue', 1, LIMIT_MAX);
  checkInstances(options.instances);
  if (onError !== undefined) checkFunction(onError, 'onError');
  if (queue !== undefined) checkInteger(queue, 'queue', 0, LIMIT_MAX);
  if (concurrency === undefined) {
    if (queue !== undefined) throw unexpected('concurrency, too,', 'a queue', concurrency);
    return undefined;
  }
  checkInteger(concurrency, 'concurrency', 1, LIMIT_MAX);
  return { concurrency, queue: queue ?? QUEUE_DEFAULT };
}
