/**
 * Runs a pool of worker threads behind one service. The calls are distributed over the workers, and
 * the client's own thread remains free.
 */
import { ServiceManager, exposeInWorkers, openDevice } from 'liteipc';
import { Primes } from './contract.js';

const workers = 3;
const parts = 12;
const limit = 600_000;

await using manager = await ServiceManager.start({ domain: `workers-${process.pid}` });
const { domain } = manager;
await using pool = await exposeInWorkers(
  Primes,
  new URL('./prime-worker.js', import.meta.url),
  workers,
  { domain },
);
await using device = await openDevice({ domain });
const primes = await device.service(Primes);

const ranges = Array.from({ length: parts }, (_, part) => ({
  from: (part * limit) / parts,
  to: ((part + 1) * limit) / parts,
}));
const answers = await Promise.all(
  ranges.map((range) => primes.count(range, { timeoutMs: 60_000 })),
);
const byWorker = new Map<number, number>();
for (const { worker } of answers) byWorker.set(worker, (byWorker.get(worker) ?? 0) + 1);
for (const [worker, calls] of [...byWorker].sort()) {
  console.log(`worker ${worker} answered ${calls} of ${parts} calls`);
}
const total = answers.reduce((sum, answer) => sum + answer.primes, 0);
console.log(`${pool.size} workers found ${total} primes below ${limit}`);
