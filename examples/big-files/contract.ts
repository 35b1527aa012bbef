/** The service of the example for big files. */
import { defineService, method } from 'liteipc';

export const Digests = defineService('digests', {
  /** SHA-256 of the open file that comes with the call. */
  ofFile: method<void, string>(),
  /** SHA-256 of bytes. */
  ofBytes: method<Uint8Array, string>(),
  /** Returns the given number of bytes, counting up. */
  make: method<number, Uint8Array>(),
});
