/**
 * Formats the events of `liteipc serve`: lines for people and logs, or a line of JSON for each
 * event.
 */
import type { PolicyLoaded } from '../manager/manager.js';
import type { PolicyFileError, PolicyProblem } from '../policy/file-error.js';
import { formatComplaint } from '../common/json-source.js';

/** One line of `--json`. */
export type ServeEvent =
  | {
      readonly event: 'ready';
      readonly domain: string;
      readonly path: string;
      readonly pid: number;
    }
  | ({ readonly event: 'policyLoaded' } & PolicyLoaded)
  | {
      readonly event: 'policyError';
      readonly message: string;
      readonly problems: readonly PolicyProblem[];
    };

/** Returns a count with its noun. */
export function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Returns one line for each problem, or the message if the file could not be read. */
export function problemLines({ problems, message }: PolicyFileError): string[] {
  return problems.length === 0 ? [message] : problems.map(formatComplaint);
}

/**
 * Prints events. An error of the output does not end the server, because the reader may be gone.
 */
export class ServeReport {
  constructor(private readonly json: boolean) {
    process.stdout.on('error', () => undefined);
    process.stderr.on('error', () => undefined);
  }

  ready(domain: string, path: string): void {
    const { pid } = process;
    this.#event(
      { event: 'ready', domain, path, pid },
      `domain "${domain}" is ready: ${path} (pid ${pid})`,
    );
  }

  loaded(loaded: PolicyLoaded): void {
    const { file, rules, revoked } = loaded;
    const lost = revoked === 0 ? '' : `; ${counted(revoked, 'process', 'processes')} lost a right`;
    this.#event(
      { event: 'policyLoaded', file, rules, revoked },
      `policy loaded: ${file}, ${counted(rules, 'rule', 'rules')}${lost}`,
    );
  }

  refused(error: PolicyFileError): void {
    const { message, problems } = error;
    if (this.json) {
      this.#event({ event: 'policyError', message, problems }, '');
      return;
    }
    for (const line of problemLines(error)) this.note(`policy not loaded: ${line}`);
    this.note('the previous rules stay in force');
  }

  /** Prints to standard error in both forms. */
  note(text: string): void {
    process.stderr.write(`liteipc: ${text}\n`);
  }

  #event(event: ServeEvent, text: string): void {
    process.stdout.write(`${this.json ? JSON.stringify(event) : text}\n`);
  }
}
