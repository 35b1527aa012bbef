/** A worker thread that serves or calls the counter. */
import { parentPort, workerData } from 'node:worker_threads';
import { openDevice } from 'liteipc';
import { Counter } from './counter-contract.js';

const { domain, role } = workerData as { domain: string; role: 'serve' | 'call' };
const device = await openDevice({ domain });
if (role === 'serve') {
  await device.expose(Counter, {
    add: ([a, b]) => a + b,
    echo: (value) => (value === 'hang' ? new Promise(() => undefined) : value),
  });
  parentPort?.once('message', () => {
    void device.close();
  });
  parentPort?.postMessage('ready');
} else {
  const client = await device.service(Counter);
  const sums: number[] = [];
  for (let index = 0; index < 5; index++) sums.push(await client.add([index, 1]));
  await device.close();
  parentPort?.postMessage(sums);
}
