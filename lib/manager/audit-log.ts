/** Defines the audit events of the ServiceManager and writes them to a file. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { LiteIpcError } from '../common/errors.js';
import type { RuleAction, Rule } from '../policy/rules.js';
import type { Identity } from '../policy/subject.js';

/**
 * Describes one decision of the ServiceManager, or of a service that applies the manager's rules.
 */
export interface AuditEvent {
  readonly time: Date;
  /**
   * `request`: a process asked. `change`: the rules changed and a process lost a right. `message`:
   * a service refused messages. A service reports refused messages at most once a second, as a
   * count.
   */
  readonly occasion: 'request' | 'change' | 'message';
  /** Calling the service, or registering its name. */
  readonly action: RuleAction;
  readonly service: string;
  /** The methods that the caller may call; absent: all. */
  readonly methods?: readonly string[];
  /** For `message`: the method that was called. */
  readonly method?: string;
  /** For `message`: number of messages that were refused. */
  readonly count?: number;
  /** For `message`: number of further refused messages that are not listed one by one. */
  readonly others?: number;
  /** The caller, as stamped by the domain. */
  readonly caller: Identity;
  readonly allowed: boolean;
  /** The reason, e.g. `rule 2 allows uid 1000`. */
  readonly explanation: string;
  /** The rule that decided; absent if no rule did. */
  readonly rule?: Rule;
}

/** Most bytes that wait for a slow disk. Further events are counted and dropped. */
const PENDING_MAX = 1024 * 1024;

/** Appends audit events to a file, one line of JSON each. */
export class AuditLog {
  #lost = 0;
  #failed = false;

  private constructor(private readonly stream: WriteStream) {}

  /**
   * Opens the file for appending. A new file is readable only by its owner. Rejects if it cannot be
   * opened.
   */
  static async open(path: string): Promise<AuditLog> {
    const stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
    await new Promise<void>((resolve, reject) => {
      stream.once('open', () => resolve());
      stream.once('error', (error: NodeJS.ErrnoException) => {
        const { code = 'EIO', message } = error;
        const text = `The audit log cannot be opened: ${message}`;
        reject(new LiteIpcError(code, text, { cause: error }));
      });
    });
    const log = new AuditLog(stream);
    stream.on('error', (error) => {
      log.#failed = true;
      process.emitWarning(`Audit log ${path} stopped:  ${error.message}`, 'LiteIpcWarning');
    });
    return log;
  }

  /** Appends one event. Never blocks; counts the event as lost if too much is pending. */
  write(event: AuditEvent): void {
    if (this.#failed) return;
    if (this.stream.writableLength > PENDING_MAX) {
      this.#lost += 1;
      return;
    }
    if (this.#lost > 0) {
      this.stream.write(`${JSON.stringify({ time: event.time, lost: this.#lost })}\n`);
      this.#lost = 0;
    }
    this.stream.write(`${JSON.stringify(event)}\n`);
  }

  /** Resolves when all events have been written. */
  async close(): Promise<void> {
    if (this.#failed) return;
    const lost =
      this.#lost > 0 ? `${JSON.stringify({ time: new Date(), lost: this.#lost })}\n` : '';
    await new Promise<void>((resolve) => {
      this.stream.once('close', resolve);
      this.stream.end(lost);
    });
  }
}
