/** Provides the current connection of a device, and waits for one while the domain is down. */
import type { Connection } from './connection.js';
import { LiteIpcError } from '../common/errors.js';

/**
 * Holds the connection of one device: none while its domain is down, and none once the device is
 * closed.
 */
export class ConnectionSource {
  readonly #waiting = new Set<() => void>();
  #connection: Connection | undefined;
  #closed = false;

  constructor(private readonly domain: string) {}

  /** The current connection, if any. It may have ended without a call of {@link set} yet. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Sets the current connection; undefined if it has ended. */
  set(connection: Connection | undefined): void {
    this.#connection = connection;
    if (connection !== undefined) this.#wake();
  }

  /** Marks the device as closed, and wakes all waiting callers. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** Throws a LiteIpcError with ECANCELED if the device was closed. */
  requireNotClosed(): void {
    if (this.#closed) {
      throw new LiteIpcError('ECANCELED', 'The device was closed by this program (ECANCELED)');
    }
  }

  /**
   * Returns the connection. Throws ENODEV if there is none, ECANCELED if the device was closed.
   */
  current(): Connection {
    this.requireNotClosed();
    if (this.#connection?.alive === true) return this.#connection;
    const text = `Domain "${this.domain}" is not running; the device reconnects automatically (ENODEV)`;
    throw new LiteIpcError('ENODEV', text);
  }

  /**
   * Returns the connection, and waits for it up to `milliseconds` or until `signal` is aborted.
   */
  async within(milliseconds: number, signal?: AbortSignal): Promise<Connection> {
    if (!this.#closed && this.#connection?.alive !== true) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        const timer = setTimeout(wake, milliseconds);
        // The device decides whether the event loop stays alive, not this timer.
        timer.unref();
        this.#waiting.add(wake);
        signal?.addEventListener('abort', wake);
      });
    }
    return this.current();
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
