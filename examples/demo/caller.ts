/** A client that continues to call while its service ends and restarts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LiteIpcError, openDevice } from 'liteipc';
import { TextFiles } from './contract.js';
import { receive, send } from './messages.js';

const { domain } = await receive('call');
await using device = await openDevice({ domain });
const textFiles = await device.service(TextFiles);

let answered = 0;
let gapMs = 0;
let lastAnswer = performance.now();
let reported = false;
let down = false;
const failed: Record<string, number> = {};
let running = true;
void receive('stop').then(() => {
  running = false;
});
device.onDeath(textFiles, () => {
  down = true;
});

while (running) {
  try {
    if ((await textFiles.sum([answered, 1])) !== answered + 1) throw new Error('a wrong sum');
    const now = performance.now();
    gapMs = Math.max(gapMs, now - lastAnswer);
    lastAnswer = now;
    answered++;
    if (answered === 10_000 || (down && !reported)) {
      if (down) reported = true;
      send({ type: 'ready', text: down ? 'answered again' : 'answered' });
    }
  } catch (error) {
    if (!(error instanceof LiteIpcError)) throw error;
    failed[error.code] = (failed[error.code] ?? 0) + 1;
    // The name is not registered now: retry a little later.
    if (error.code === 'ENOENT') await sleep(5);
  }
}
send({ type: 'calls', answered, failed, gapMs });
process.disconnect();
