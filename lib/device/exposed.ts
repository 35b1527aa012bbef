/** What a program holds of a service that it offers. */
import { checkObject, checkTimeout } from '../common/arguments.js';
import type {
  Contract,
  EventArguments,
  EventNames,
  MethodDefinitions,
} from '../contract/contract.js';
import type { Exposure } from './exposure.js';

/** How long a drain takes at most unless the program says otherwise, ms. */
const DRAIN_DEFAULT_MS = 30_000;

/** What {@link Exposed.drain} takes. */
export interface DrainOptions {
  /**
   * ms until the calls that are still in flight fail with EPIPE. Default 30,000; Infinity for no
   * limit.
   */
  readonly timeoutMs?: number | undefined;
}

/** How long to wait. Throws a TypeError for options that are none. */
export function drainTimeout(options: DrainOptions): number {
  checkObject(options, 'the options of drain');
  const { timeoutMs = DRAIN_DEFAULT_MS } = options;
  checkTimeout(timeoutMs, 'timeoutMs of drain');
  return timeoutMs;
}

/** A service on offer. Disposing takes it back: calls that are not answered yet fail with EPIPE. */
export interface Exposed<
  Methods extends MethodDefinitions = MethodDefinitions,
> extends AsyncDisposable {
  /** As it was exposed. */
  readonly contract: Contract;
  /** The service's handle in its domain; changes when the device reconnects, 0 meanwhile. */
  readonly handle: number;
  /**
   * Takes the service back without breaking calls: the name is free at once, calls that come from
   * now on fail with ESHUTDOWN without having begun, those in flight are finished; then it is
   * disposed. Resolves to the number of calls that were not answered because the time was over, or
   * because the service was disposed or its domain lost meanwhile. Called again it resolves to the
   * same.
   */
  drain(options?: DrainOptions): Promise<number>;
  /**
   * Tells an event to all who have subscribed to it: `emit('changed', payload)`. Throws a
   * LiteIpcError: EINVAL if the payload is not what the contract says or cannot be sent, EMSGSIZE.
   */
  emit<Name extends EventNames<Methods>>(
    name: Name,
    ...payload: EventArguments<Methods[Name]>
  ): void;
  /** Takes the service back; resolves when that is done. */
  dispose(): Promise<void>;
}

/**
 * What the program is given; `forget` takes the exposure from those that come back by themselves.
 */
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
    emit: (name, ...[payload]) => {
      exposure.host.events.emit(name, payload);
    },
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}
