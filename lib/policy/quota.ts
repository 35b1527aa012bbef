/** Quotas as rules give them: how much of a service each caller may use. */
import { checkObject, unexpected } from '../common/arguments.js';

/**
 * How much of a service a user may use; each user for itself, all of its processes together, at
 * each instance of the service. What is absent is not limited. A quota that says nothing is {@link
 * upstreamQuota}.
 */
export interface Quota {
  /** Requests per second in the long run, one-way messages included. May be a fraction. */
  readonly callsPerSecond?: number;
  /** How many may come at once after a pause. Default: what 1.5 seconds bring. */
  readonly burst?: number;
  /** Bytes of messages per second in the long run. May be a fraction. */
  readonly bytesPerSecond?: number;
  /**
   * How many bytes may come at once after a pause. Default: what 1.5 seconds bring. A larger
   * message passes when nothing else has come for so long that as much could, and is paid for
   * afterwards.
   */
  readonly burstBytes?: number;
  /**
   * Calls that the service has been given and not ended yet, those that wait for their turn
   * included.
   */
  readonly inFlight?: number;
}

/** What OpenHarmony's samgr_lite allows each caller: 1000 messages per second, 1500 at once. */
export const upstreamQuota: Quota = Object.freeze({ callsPerSecond: 1000, burst: 1500 });

/** Largest number in a quota. */
export const QUOTA_MAX = 1e12;
/** Without a burst: what so many seconds bring, which is upstream's proportion. */
const BURST_SECONDS = 1.5;

const KEYS = ['callsPerSecond', 'burst', 'bytesPerSecond', 'burstBytes', 'inFlight'] as const;
const whole: ReadonlySet<string> = new Set(['burst', 'burstBytes', 'inFlight']);

/** Checks what a program gives as a quota, and completes it. */
export function toQuota(value: unknown, what = 'a quota'): Quota {
  checkObject(value, what);
  for (const [key, entry] of Object.entries(value) as [string, unknown][]) {
    if (!(KEYS as readonly string[]).includes(key)) {
      throw unexpected(KEYS.join(', '), what, key);
    }
    if (entry === undefined) continue;
    const isNumber = typeof entry === 'number' && entry > 0 && entry <= QUOTA_MAX;
    if (!isNumber || (whole.has(key) && !Number.isInteger(entry))) {
      const kind = whole.has(key) ? 'an integer from 1' : 'a number above 0,';
      throw unexpected(`${kind} to ${QUOTA_MAX}`, `${key} of ${what}`, entry);
    }
  }
  const { callsPerSecond, burst, bytesPerSecond, burstBytes, inFlight } = value as Quota;
  if (burst !== undefined && callsPerSecond === undefined) {
    throw unexpected('callsPerSecond, too,', `${what} with a burst`, undefined);
  }
  if (burstBytes !== undefined && bytesPerSecond === undefined) {
    throw unexpected('bytesPerSecond, too,', `${what} with burstBytes`, undefined);
  }
  const quota = {
    ...(callsPerSecond === undefined
      ? {}
      : { callsPerSecond, burst: burst ?? burstOf(callsPerSecond) }),
    ...(bytesPerSecond === undefined
      ? {}
      : { bytesPerSecond, burstBytes: burstBytes ?? burstOf(bytesPerSecond) }),
    ...(inFlight === undefined ? {} : { inFlight }),
  };
  return Object.keys(quota).length === 0 ? upstreamQuota : Object.freeze(quota);
}

function burstOf(perSecond: number): number {
  return Math.min(Math.max(1, Math.ceil(perSecond * BURST_SECONDS)), QUOTA_MAX);
}

/** E.g. `1000 calls per second (1500 at once), 4 in flight`. */
export function quotaInWords(quota: Quota): string {
  const { callsPerSecond, burst, bytesPerSecond, burstBytes, inFlight } = quota;
  return [
    ...(callsPerSecond === undefined ? [] : [callsInWords(callsPerSecond, burst)]),
    ...(bytesPerSecond === undefined ? [] : [bytesInWords(bytesPerSecond, burstBytes)]),
    ...(inFlight === undefined ? [] : [inFlightInWords(inFlight)]),
  ].join(', ');
}

/** E.g. `1000 calls per second (1500 at once)`. */
export function callsInWords(perSecond: number, burst: number | undefined): string {
  return `${perSecond} calls per second (${burst} at once)`;
}

/** E.g. `1000 bytes per second (1500 at once)`. */
export function bytesInWords(perSecond: number, burst: number | undefined): string {
  return `${perSecond} bytes per second (${burst} at once)`;
}

/** E.g. `4 calls in flight`. */
export function inFlightInWords(inFlight: number): string {
  return `${inFlight} calls in flight`;
}
