/** Parses the arguments of the torture test. */

export interface TortureOptions {
  /** Number of kills. */
  readonly kills: number;
  /** Determines the victims and, as far as the machine allows, the times. */
  readonly seed: number;
  /** Time limit, minutes. */
  readonly minutes: number;
  /** Receives a line for each event. */
  readonly print: (line: string) => void;
}

const usage = `usage: npm run torture -- [--kills N] [--seed N] [--minutes N]
  --kills    participants to kill, default 1000
  --seed     decides whom and when, default: chosen and printed
  --minutes  end after so long, even if fewer were killed; default 60`;

/** Parses a command line. Returns a text to print if the arguments are wrong. */
export function parseOptions(args: readonly string[]): Omit<TortureOptions, 'print'> | string {
  const values = { kills: 1000, seed: Math.floor(Math.random() * 2 ** 31), minutes: 60 };
  for (let index = 0; index < args.length; index += 2) {
    const name = (args[index] ?? '').slice(2);
    const value = Number(args[index + 1]);
    if (!(args[index] ?? '').startsWith('--') || !(name in values)) return usage;
    if (!(value >= 0) || (name !== 'minutes' && !Number.isInteger(value))) {
      return `--${name} needs a number, not ${args[index + 1] ?? 'nothing'}\n${usage}`;
    }
    values[name as keyof typeof values] = value;
  }
  return values;
}
