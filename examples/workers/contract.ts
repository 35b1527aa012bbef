/** The service of the example of a pool of workers. */
import { defineService, method } from 'liteipc';

export const Primes = defineService('primes', {
  /** How many primes there are from one number to below another, and which worker counted them. */
  count: method<
    { readonly from: number; readonly to: number },
    { readonly primes: number; readonly worker: number }
  >(),
});
