/** Defines the object by which a program controls a service that it exposes. */
import { checkObject, checkTimeout } from '../common/arguments.js';
import type {
  Contract,
  EventArguments,
  EventNames,
  MethodDefinitions,
} from '../contract/contract.js';
import type { Exposure } from './exposure.js';

/** Default of `timeoutMs`, ms. */
const DRAIN_DEFAULT_MS = 30_000;

/** Options of {@link Exposed.drain}. */
export interface DrainOptions {
  /**
   * Time until the calls that are still in flight fail with EPIPE, ms. Default 30,000; Infinity
   * for no limit.
   */
  readonly timeoutMs?: number | undefined;
}

/** Returns the timeout of a drain. Throws a TypeError for invalid options. */
export function drainTimeout(options: DrainOptions): number {
  checkObject(options, 'the options of drain');
  const { timeoutMs = DRAIN_DEFAULT_MS } = options;
  checkTimeout(timeoutMs, 'timeoutMs of drain');
  return timeoutMs;
}

/** An exposed service. After its disposal, unanswered calls fail with EPIPE. */
export interface Exposed<
  Methods extends MethodDefinitions = MethodDefinitions,
> extends AsyncDisposable {
  /** The contract as exposed. */
  readonly contract: Contract;
  /**
   * The handle of the service in its domain. It changes when the device reconnects, and is 0
   * meanwhile.
   */
  readonly handle: number;
  /**
   * Stops the service without breaking calls. The name is free at once, later calls fail with
   * ESHUTDOWN before they begin, and the calls in flight are finished. Then the service is
   * disposed. Resolves to the number of calls that were not answered because of the timeout, a
   * disposal, or the loss of the domain. Repeated calls return the same result.
   */
  drain(options?: DrainOptions): Promise<number>;
  /**
   * Sends an event to all subscribers: `emit('changed', payload)`. Throws a LiteIpcError: EINVAL
   * if the payload violates the contract or cannot be sent, EMSGSIZE.
   */
  emit<Name extends EventNames<Methods>>(
    name: Name,
    ...payload: EventArguments<Methods[Name]>
  ): void;
  /** Stops the service. Resolves when that is done. */
  dispose(): Promise<void>;
}

/** Returns the object for the program. `forget` excludes the exposure from later reconnections. */
export function exposedBy(exposure: Exposure, forget: () => void): Exposed<never> {
  const dispose = async (): Promise<void> => {
    forget();
    await exposure.stop();
  };
  return {
    contract: exposure.host.contract,
    get handle() {
      return exposure.handle;
    },
    drain: async (options = {}) => {
      const timeoutMs = drainTimeout(options);
      forget();
      return await exposure.drain(timeoutMs);
    },
    emit: (name, ...[payload]) => exposure.host.events.emit(name, payload),
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}
