/** What the ServiceManager decided, for whoever has to know: as events and as lines of a file. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { LiteIpcError } from '../common/errors.js';
import type { RuleAction, Rule } from '../policy/rules.js';
import type { Identity } from '../policy/subject.js';

/** One decision of the ServiceManager, or of a service by its rules. */
export interface AuditEvent {
  readonly time: Date;
  /**
   * `request`: somebody asked. `change`: the rules have changed, and somebody lost what it had.
   * `message`: a service has refused messages, as it says itself: at most once a second for each
   * service, with their number.
   */
  readonly occasion: 'request' | 'change' | 'message';
  /** Calling the service, or registering its name. */
  readonly action: RuleAction;
  readonly service: string;
  /** The methods that the caller may call, if not all. */
  readonly methods?: readonly string[];
  /** Of `message`: the method that was called. */
  readonly method?: string;
  /** Of `message`: how many messages were refused. */
  readonly count?: number;
  /** Of `message`: how many more were, by too many callers and methods to be told one by one. */
  readonly others?: number;
  /** Who, as stamped by the domain. */
  readonly caller: Identity;
  readonly allowed: boolean;
  /** Why, e.g. `rule 2 allows uid 1000`. */
  readonly explanation: string;
  /** The rule that decided, if one did. */
  readonly rule?: Rule;
}

/** Most that waits for a slow disk, bytes; what comes then is counted and not kept. */
const PENDING_MAX = 1024 * 1024;

/** Appends decisions to a file, a line of JSON for each. */
export class AuditLog {
  readonly #stream: WriteStream;
  #lost = 0;
  #failed = false;

  private constructor(stream: WriteStream) {
    this.#stream = stream;
  }

  /**
   * Opens the file, which only its owner may read if it is new. Rejects if that is not possible.
   */
  static async open(path: string): Promise<AuditLog> {
    const stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
    await new Promise<void>((resolve, reject) => {
      stream.once('open', () => {
        resolve();
      });
      stream.once('error', (error: NodeJS.ErrnoException) => {
        const { code = 'EIO', message } = error;
        const text = `The audit log cannot be opened: ${message}`;
        reject(new LiteIpcError(code, text, { cause: error }));
      });
    });
    const log = new AuditLog(stream);
    stream.on('error', (error) => {
      log.#failed = true;
      process.emitWarning(`audit log ${path} ends: ${error.message}`, 'LiteIpcWarning');
    });
    return log;
  }

  /** Adds a line. */
  write(event: AuditEvent): void {
    if (this.#failed) return;
    if (this.#stream.writableLength > PENDING_MAX) {
      this.#lost += 1;
      return;
    }
    if (this.#lost > 0) {
      this.#stream.write(`${JSON.stringify({ time: event.time, lost: this.#lost })}\n`);
      this.#lost = 0;
    }
    this.#stream.write(`${JSON.stringify(event)}\n`);
  }

  /** Resolves when everything is in the file. */
  async close(): Promise<void> {
    if (this.#failed) return;
    const lost =
      this.#lost > 0 ? `${JSON.stringify({ time: new Date(), lost: this.#lost })}\n` : '';
    await new Promise<void>((resolve) => {
      this.#stream.once('close', resolve);
      this.#stream.end(lost);
    });
  }
}
