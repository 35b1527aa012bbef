/** What a program may say of a client as a whole. */
import { checkInteger, checkObject, unexpected } from '../common/arguments.js';

/** Longest wait for a service, ms. */
const WAIT_MAX_MS = 0x7fff_ffff;

/** How a client spreads its calls over several instances of a service. */
export type Balance = 'round-robin' | 'least-loaded';

/** What `device.service` takes besides the contract. */
export interface ServiceOptions {
  /**
   * How long to wait for the service if nobody has registered its name, or for the domain if it is
   * gone, ms. Holds for finding it at first and for every later call, within the call's own
   * `timeoutMs`. Default 0: then it fails at once with ENOENT or ENODEV.
   */
  readonly waitMs?: number | undefined;
  /**
   * Which instance gets the next call, if there are several: each in turn, or the one with the
   * fewest calls of this client in flight. Default `round-robin`.
   */
  readonly balance?: Balance | undefined;
}

/** The options with their defaults. */
export interface ClientPolicy {
  readonly waitMs: number;
  readonly balance: Balance;
}

/** The options with their defaults. Throws a TypeError for what is none. */
export function checkServiceOptions(options: ServiceOptions): ClientPolicy {
  checkObject(options, 'the options of service');
  const { waitMs = 0, balance = 'round-robin' } = options;
  checkInteger(waitMs, 'waitMs', 0, WAIT_MAX_MS);
  if (balance !== 'round-robin' && balance !== 'least-loaded') {
    throw unexpected("'round-robin' or 'least-loaded'", 'balance', balance);
  }
  return { waitMs, balance };
}
