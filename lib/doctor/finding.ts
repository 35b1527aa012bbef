/** Defines the findings of the doctor. */

/** The result of a check. `warning`: works with restrictions. `failed`: something will not work. */
export type FindingResult = 'ok' | 'warning' | 'failed';

/** The result of one check with its explanation. */
export interface Finding {
  /** Name of the check, in one or two words: `kernel`, `runtime directory`. */
  readonly check: string;
  readonly result: FindingResult;
  /** The finding and its meaning. */
  readonly text: string;
  /** The remedy, for every finding that is not `ok`. */
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
