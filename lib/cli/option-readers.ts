/** Reads the arguments of options that several commands have. */
import { InvalidArgumentError } from 'commander';
import { checkServiceName } from '../common/arguments.js';

/** Returns a reader of an integer. */
export function readNumber(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
    if (value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`Expected a number from ${minimum} to ${maximum}.`);
  };
}

/** Returns a reader of a time in seconds, which may have decimals. */
export function readSeconds(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
    if (seconds >= minimum && seconds <= maximum) return seconds;
    throw new InvalidArgumentError(`Expected seconds, from ${minimum} to ${maximum}.`);
  };
}

/** Reads the name of a service. */
export function readService(text: string): string {
  try {
    checkServiceName(text, 'the service');
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
  return text;
}

/** Returns the reader of an option that may be repeated. */
export function readList<Value>(
  read: (text: string) => Value,
): (text: string, earlier: readonly Value[]) => Value[] {
  return (text, earlier) => [...earlier, read(text)];
}
