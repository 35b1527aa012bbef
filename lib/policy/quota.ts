/** Defines quotas: how much of a service each user may use. */
import { checkObject, unexpected } from '../common/arguments.js';

/**
 * Limits the use of a service by one user. All processes of the user share the quota, and each
 * instance of the service counts separately. An absent field is not limited. A quota without any
 * field is {@link upstreamQuota}.
 */
export interface Quota {
  /** Sustained requests per second, including one-way messages. May be a fraction. */
  readonly callsPerSecond?: number;
  /** Most requests at once after a pause. Default: 1.5 seconds of `callsPerSecond`. */
  readonly burst?: number;
  /** Sustained bytes of messages per second. May be a fraction. */
  readonly bytesPerSecond?: number;
  /**
   * Most bytes at once after a pause. Default: 1.5 seconds of `bytesPerSecond`. A larger message
   * passes when the whole burst is available, and is paid for afterwards.
   */
  readonly burstBytes?: number;
  /** Most calls that the service has received and not finished, including queued calls. */
  readonly inFlight?: number;
}

/** The quota of each caller in OpenHarmony's samgr_lite: 1000 messages per second, 1500 at once. */
export const upstreamQuota: Quota = Object.freeze({ callsPerSecond: 1000, burst: 1500 });

/** Largest number in a quota. */
export const QUOTA_MAX = 1e12;
/** The default burst, in seconds of the sustained rate. This is upstream's proportion. */
const BURST_SECONDS = 1.5;

const KEYS = ['callsPerSecond', 'burst', 'bytesPerSecond', 'burstBytes', 'inFlight'] as const;
const whole: ReadonlySet<string> = new Set(['burst', 'burstBytes', 'inFlight']);

/** Checks a quota of the program and completes it. */
export function toQuota(value: unknown, what = 'a quota'): Quota {
  checkObject(value, what);
  for (const [key, entry] of Object.entries(value) as [string, unknown][]) {
    if (!(KEYS as readonly string[]).includes(key)) throw unexpected(KEYS.join(', '), what, key);
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

/** Describes a quota, e.g. `1000 calls per second (1500 at once), 4 in flight`. */
export function quotaInWords(quota: Quota): string {
  const { callsPerSecond, burst, bytesPerSecond, burstBytes, inFlight } = quota;
  return [
    ...(callsPerSecond === undefined ? [] : [callsInWords(callsPerSecond, burst)]),
    ...(bytesPerSecond === undefined ? [] : [bytesInWords(bytesPerSecond, burstBytes)]),
    ...(inFlight === undefined ? [] : [inFlightInWords(inFlight)]),
  ].join(', ');
}

/** Describes a limit of calls, e.g. `1000 calls per second (1500 at once)`. */
export function callsInWords(perSecond: number, burst: number | undefined): string {
  return `${perSecond} calls per second (${burst} at once)`;
}

/** Describes a limit of bytes, e.g. `1000 bytes per second (1500 at once)`. */
export function bytesInWords(perSecond: number, burst: number | undefined): string {
  return `${perSecond} bytes per second (${burst} at once)`;
}

/** Describes a limit of calls in flight, e.g. `4 calls in flight`. */
export function inFlightInWords(inFlight: number): string {
  return `${inFlight} calls in flight`;
}
