/** Where a device's connection of the moment is found, and waited for while there is none. */
import type { Connection } from './connection.js';
import { LiteIpcError } from '../common/errors.js';

/** The connection of one device: none while its domain is gone, none any more once it is closed. */
export class ConnectionSource {
  readonly #domain: string;
  readonly #waiting = new Set<() => void>();
  #connection: Connection | undefined;
  #closed = false;

  constructor(domain: string) {
    this.#domain = domain;
  }

  /** The connection, if there is one; it may have ended without having been taken away yet. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** There is a connection, or there is none any more. */
  set(connection: Connection | undefined): void {
    this.#connection = connection;
    if (connection !== undefined) this.#wake();
  }

  /** There will be no other. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** Throws ECANCELED if the program has closed the device. */
  requireNotClosed(): void {
    if (this.#closed) {
      throw new LiteIpcError('ECANCELED', 'The device was closed by this program (ECANCELED)');
    }
  }

  /** The connection. Throws ENODEV if there is none, ECANCELED if the device was closed. */
  current(): Connection {
    this.requireNotClosed();
    if (this.#connection?.alive === true) return this.#connection;
    const text = `Domain "${this.#domain}" is gone; the device reconnects by itself (ENODEV)`;
    throw new LiteIpcError('ENODEV', text);
  }

  /** The same, waiting up to so many ms for a connection or until the signal is aborted. */
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
        // The device keeps the event loop alive, if it is to.
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
