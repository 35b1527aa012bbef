/**
 * Implements the methods that the ServiceManager calls on a service: to set its access rules, and
 * to read what only its own process knows. They are ordinary requests to the service's task, with
 * codes that no contract contains, and with a key. The service chooses the key and sends it to the
 * manager when it registers. For all other callers these methods do not exist.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { NativeDevice } from '../../types/native.js';
import type { CallContext } from '../contract/call-context.js';
import { defineService, method } from '../contract/contract.js';
import { Refusal } from '../common/errors.js';
import type { MethodAccessUpdate } from './method-access.js';
import { ReceiverAccess } from './access-check.js';
import { ServiceHost } from './host.js';
import { ServiceTrace, type TraceFilter, type TracePart } from '../trace/service-trace.js';
import { serviceStatistics, type ServiceStatistics } from './statistics.js';

/** The `code` word of the first method. The others follow. */
export const CONTROL_CODE = 0xffff_ff00;
/** Number of reserved codes. */
const CONTROL_CODES = 16;

const KEY_BYTES = 16;

/** Returns true for the `code` of a request to these methods. */
export function isControlCode(code: number): boolean {
  return code >= CONTROL_CODE && code < CONTROL_CODE + CONTROL_CODES;
}

/** Proves that a message comes from the manager. Only the manager and the service know the key. */
export interface Keyed {
  readonly key: Uint8Array;
}

/** Identifies a watch by a number that the manager chose. */
export interface WatchKeyed extends Keyed {
  readonly watch: number;
}

/** The methods as a contract. On the wire {@link CONTROL_CODE} is added to their numbers. */
export const ServiceControlContract = defineService('ServiceManager', {
  methodRules: method<MethodAccessUpdate & Keyed>(),
  statistics: method<Keyed, ServiceStatistics>(),
  startTrace: method<WatchKeyed & TraceFilter>(),
  /** The result is undefined if there is no such watch. */
  readTrace: method<WatchKeyed, TracePart | undefined>(),
  stopTrace: method<WatchKeyed>(),
});

/** The names of these methods. */
export type ControlMethod = keyof typeof ServiceControlContract.methods;

/** Serves these methods for one registered service. */
export class ServiceControl {
  /** Sent to the manager with the registration. */
  readonly key: Uint8Array = randomBytes(KEY_BYTES);
  /** The access rules of the service. */
  readonly access: ReceiverAccess;
  /** Serves the manager's messages. */
  readonly host: ServiceHost;

  /** `service` is the registered service, `task` receives for it. */
  constructor(native: NativeDevice, service: ServiceHost, task: number) {
    this.access = new ReceiverAccess(native);
    const trace = new ServiceTrace(native);
    this.host = new ServiceHost(ServiceControlContract, {
      methodRules: this.#keyed((update: MethodAccessUpdate) => this.access.update(update)),
      statistics: this.#keyed(() => serviceStatistics(native, service, task)),
      startTrace: this.#keyed(({ watch, hooks, tasks }: WatchKeyed & TraceFilter) =>
        trace.start(watch, { ...(hooks && { hooks }), ...(tasks && { tasks }) }),
      ),
      readTrace: this.#keyed(({ watch }: WatchKeyed, call) =>
        trace.read(watch, call.caller.processId),
      ),
      stopTrace: this.#keyed(({ watch }: WatchKeyed) => trace.stop(watch)),
    });
  }

  #keyed<Input, Output>(
    body: (input: Input, call: CallContext) => Output,
  ): (input: Input & Keyed, call: CallContext) => Output {
    return (input, call) => {
      const key: unknown = (input as Partial<Keyed> | null | undefined)?.key;
      if (
        !(key instanceof Uint8Array) ||
        key.length !== KEY_BYTES ||
        !timingSafeEqual(key, this.key)
      ) {
        // Same code as for a method that the contract does not contain.
        throw new Refusal('EPROTO', 'Only the ServiceManager may call this method (EPROTO)');
      }
      return body(input, call);
    };
  }
}
