/** The service for several users. */
import { defineService, method } from 'liteipc';

export const Ledger = defineService('ledger', {
  read: method<void, readonly string[]>(),
  write: method<string, number>(),
});

/**
 * The result of each method that a client was asked to try: `ok`, or the code of the error.
 */
export type Attempts = Readonly<Record<'read' | 'write', string>>;
