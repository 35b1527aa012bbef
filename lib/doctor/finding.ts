/** What the doctor finds. */

/** `warning`: works, but not everywhere or not in full. `failed`: something will not work. */
export type FindingResult = 'ok' | 'warning' | 'failed';

/** One thing that was looked at. */
export interface Finding {
  /** What, in a word or two: `kernel`, `runtime directory`. */
  readonly check: string;
  readonly result: FindingResult;
  /** What was found, and what it means. */
  readonly text: string;
  /** What to do about it; of everything that is not `ok`. */
  readonly remedy?: string;
}

export function ok(check: string, text: string): Finding {
  return { check, result: 'ok', text };
}

export function warning(check: string, text: string, remedy: string): Finding {
  return { check, result: 'warning', text, remedy };
}

export function failed(check: string, text: string, remedy: string): Finding {
  return { check, result: 'failed', text, remedy };
}
