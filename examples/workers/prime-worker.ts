/** Implements the service in each worker of the pool: counts primes with a CPU-bound loop. */
import type { ImplementationOf } from 'liteipc';
import type { Primes } from './contract.js';

function isPrime(number: number): boolean {
  if (number < 2) return false;
  for (let divisor = 2; divisor * divisor <= number; divisor++) {
    if (number % divisor === 0) return false;
  }
  return true;
}

/** Called once in each worker, with its number. */
export default function implementation(
  _data: unknown,
  worker: number,
): ImplementationOf<typeof Primes> {
  return {
    count: ({ from, to }) => {
      let primes = 0;
      for (let number = from; number < to; number++) if (isPrime(number)) primes++;
      return { primes, worker };
    },
  };
}
