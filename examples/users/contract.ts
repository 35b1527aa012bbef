/** The service for several users. */
import { defineService, method } from 'liteipc';

export const Ledger = defineService('ledger', {
  read: method<void, readonly string[]>(),
  write: method<string, number>(),
});

/**
 * A client is asked to try all methods, and tells for each how it went: `ok`, or the code of its
 * error.
 */
export type Attempts = Readonly<Record<'read' | 'write', string>>;
