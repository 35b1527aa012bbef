/** Validates the options of an exposed service. */
import type { AdmissionLimits } from '../service/admission.js';
import { checkFunction, checkInteger, checkObject, unexpected } from '../common/arguments.js';
import type { OnServiceError } from '../service/host.js';

/** Options of `device.expose`. */
export interface ExposeOptions {
  /**
   * Receives the errors that no caller receives, with the name of the method: those of one-way
   * methods. Default: a process warning.
   */
  readonly onError?: OnServiceError;
  /**
   * Maximum number of calls that run at once, including one-way messages. Further calls are
   * queued; the calling processes take turns. Default: unlimited.
   */
  readonly concurrency?: number;
  /**
   * Maximum number of queued calls. Beyond it calls fail with EBUSY, first those of the process
   * with most queued calls. One-way messages are reported to `onError`. Default 1000. Requires
   * `concurrency`.
   */
  readonly queue?: number;
  /**
   * `many`: the service may have several instances, in this and other processes, if each of them
   * sets it. Clients spread their calls over all instances. Default `one`.
   */
  readonly instances?: 'one' | 'many';
  /**
   * Maximum number of queued payloads of an event per subscriber. A subscriber that exceeds it
   * receives those, and then EOVERFLOW. Default 1000.
   */
  readonly eventQueue?: number;
}

const QUEUE_DEFAULT = 1000;
const LIMIT_MAX = 1_000_000;

function checkInstances(instances: unknown): void {
  if (instances === undefined || instances === 'one' || instances === 'many') return;
  throw unexpected("'one' or 'many'", 'instances', instances);
}

/** Returns the limits in the options, if any. Throws a TypeError for invalid options. */
export function limitsOf(options: ExposeOptions): AdmissionLimits | undefined {
  checkObject(options, 'the options of expose');
  const { concurrency, queue, onError, eventQueue } = options;
  if (eventQueue !== undefined) checkInteger(eventQueue, 'eventQueue', 1, LIMIT_MAX);
  checkInstances(options.instances);
  if (onError !== undefined) checkFunction(onError, 'onError');
  if (queue !== undefined) checkInteger(queue, 'queue', 0, LIMIT_MAX);
  if (concurrency === undefined) {
    if (queue !== undefined) throw unexpected('concurrency', 'options with a queue', concurrency);
    return undefined;
  }
  checkInteger(concurrency, 'concurrency', 1, LIMIT_MAX);
  return { concurrency, queue: queue ?? QUEUE_DEFAULT };
}
