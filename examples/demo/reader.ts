/** A client that is admitted: it sends files to the service, then measures the speed of calls. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { openDevice } from 'liteipc';
import { PART_SIZE, TextFiles } from './contract.js';
import { receive, send } from './messages.js';
import { measure, type Speed } from './speed.js';

const { domain, files } = await receive('read');
await using device = await openDevice({ domain });
const textFiles = await device.service(TextFiles);

let calls = 0;
const reports = await Promise.all(
  files.map(async (name) => {
    const content = await readFile(name);
    // An empty file has one empty part.
    for (let start = 0; start === 0 || start < content.length; start += PART_SIZE) {
      await textFiles.add({ name, part: content.subarray(start, start + PART_SIZE) });
      calls++;
    }
    calls++;
    return await textFiles.finish(name);
  }),
);
send({ type: 'files', files: reports, calls });

await receive('measure');
const liteipc = await measure((numbers) => textFiles.sum(numbers), 20_000, 200_000);
send({ type: 'speed', liteipc, processSend: await measureProcessSend() });
await receive('stop');
process.disconnect();

async function measureProcessSend(): Promise<Speed> {
  const peer = fork(fileURLToPath(new URL('./send-peer.js', import.meta.url)));
  const waiting = new Map<number, (sum: number) => void>();
  let id = 0;
  peer.on('message', (answer: { id: number; sum: number }) => {
    const resolve = waiting.get(answer.id);
    waiting.delete(answer.id);
    resolve?.(answer.sum);
  });
  const sum = (numbers: readonly [number, number]): Promise<number> =>
    new Promise((resolve) => {
      waiting.set(++id, resolve);
      peer.send({ id, numbers });
    });
  try {
    return await measure(sum, 5000, 50_000);
  } finally {
    peer.disconnect();
    await once(peer, 'exit');
  }
}
