/**
 * What the ServiceManager tells a service and asks of it: which methods its callers may call, and
 * what only the service's own process knows. It goes as ordinary requests to the service's task,
 * with codes that no contract has, and with a key that the service chose and gave the manager when
 * it registered: to everyone else these methods do not exist.
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

/** The `code` word of the first method; the others follow. */
export const CONTROL_CODE = 0xffff_ff00;
/** So many codes are kept for it. */
const CONTROL_CODES = 16;

const KEY_BYTES = 16;

/** Whether a request with this `code` is one of the manager's. */
export function isControlCode(code: number): boolean {
  return code >= CONTROL_CODE && code < CONTROL_CODE + CONTROL_CODES;
}

/** Proves that a message comes from the manager: known to it and the service alone. */
export interface Keyed {
  readonly key: Uint8Array;
}

/** Names a watch: a number that the manager chose. */
export interface WatchKeyed extends Keyed {
  readonly watch: number;
}

/**
 * As a contract, so that it is called like any other; only the numbers of its methods are others.
 */
export const ServiceControlContract = defineService('ServiceManager', {
  methodRules: method<MethodAccessUpdate & Keyed>(),
  statistics: method<Keyed, ServiceStatistics>(),
  startTrace: method<WatchKeyed & TraceFilter>(),
  /** Undefined: there is no such watch (any more). */
  readTrace: method<WatchKeyed, TracePart | undefined>(),
  stopTrace: method<WatchKeyed>(),
});

/** The names of what can be asked. */
export type ControlMethod = keyof typeof ServiceControlContract.methods;

/** The service's side, of one registered service. */
export class ServiceControl {
  /** Goes to the manager with the registration. */
  readonly key: Uint8Array = randomBytes(KEY_BYTES);
  /** What the callers may do. */
  readonly access: ReceiverAccess;
  /** Takes the manager's messages. */
  readonly host: ServiceHost;

  /** `service` is the one that is registered, `task` receives for it. */
  constructor(native: NativeDevice, service: ServiceHost, task: number) {
    this.access = new ReceiverAccess(native);
    const trace = new ServiceTrace(native);
    this.host = new ServiceHost(ServiceControlContract, {
      methodRules: this.#keyed((update: MethodAccessUpdate) => {
        this.access.update(update);
      }),
      statistics: this.#keyed(() => serviceStatistics(native, service, task)),
      startTrace: this.#keyed(({ watch, hooks, tasks }: WatchKeyed & TraceFilter) => {
        trace.start(watch, { ...(hooks && { hooks }), ...(tasks && { tasks }) });
      }),
      readTrace: this.#keyed(({ watch }: WatchKeyed, call) =>
        trace.read(watch, call.caller.processId),
      ),
      stopTrace: this.#keyed(({ watch }: WatchKeyed) => {
        trace.stop(watch);
      }),
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
        // To everyone else it is a method that the contract does not have.
        throw new Refusal('EPROTO', 'Only the ServiceManager may ask this of a service (EPROTO)');
      }
      return body(input, call);
    };
  }
}
