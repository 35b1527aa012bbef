/** Validates the options of a client. */
import { checkInteger, checkObject, unexpected } from '../common/arguments.js';

/** Maximum of `waitMs`, ms. */
const WAIT_MAX_MS = 0x7fff_ffff;

/** Selects how a client spreads its calls over several instances of a service. */
export type Balance = 'round-robin' | 'least-loaded';

/** Options of `device.service`. */
export interface ServiceOptions {
  /**
   * Time to wait for the service if its name is not registered, or for the domain if it is down,
   * ms. Applies to the first lookup and to every later call, within the `timeoutMs` of the call.
   * Default 0: the call fails at once with ENOENT or ENODEV.
   */
  readonly waitMs?: number | undefined;
  /**
   * Selects the instance for the next call: each in turn, or the one with the fewest calls of this
   * client in flight. Default `round-robin`.
   */
  readonly balance?: Balance | undefined;
}

/** Describes the options with their defaults. */
export interface ClientPolicy {
  readonly waitMs: number;
  readonly balance: Balance;
}

/** Returns the options with their defaults. Throws a TypeError for invalid options. */
export function checkServiceOptions(options: ServiceOptions): ClientPolicy {
  checkObject(options, 'the options of service');
  const { waitMs = 0, balance = 'round-robin' } = options;
  checkInteger(waitMs, 'waitMs', 0, WAIT_MAX_MS);
  if (balance !== 'round-robin' && balance !== 'least-loaded') {
    throw unexpected("'round-robin' or 'least-loaded'", 'balance', balance);
  }
  return { waitMs, balance };
}
