/**
 * Usage: DOMAIN UID. Becomes this user, reads `ticks` and `news` and sends to `collect` of
 * test/support/flow.ts until the service or the domain ends them. Answers every message with a
 * report.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openDevice } from 'liteipc';
import { becomeUser } from '../support/become-user.js';
import { Flow, type FlowReport } from '../support/flow.js';

const ITEM_BYTES = 100;
const PAUSE_MS = 5;
const [domain = '', user = ''] = process.argv.slice(2);
becomeUser(Number(user));
const device = await openDevice({ domain });
const flow = await device.service(Flow);

const ended: Record<string, string> = {};
const counts = { ticks: 0, news: 0 };

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code);
}

async function* items(): AsyncGenerator<Uint8Array> {
  for (;;) {
    yield new Uint8Array(ITEM_BYTES);
    await sleep(PAUSE_MS);
  }
}

function recordEnd(name: string, promise: Promise<unknown>): void {
  promise.then(
    () => (ended[name] = 'done'),
    (error: unknown) => (ended[name] = codeOf(error)),
  );
}

async function read(name: 'ticks' | 'news', source: AsyncIterable<unknown>): Promise<void> {
  for await (const item of source) if (item !== undefined) counts[name]++;
}

const ticks = flow.ticks();
const news = flow.news();
await Promise.allSettled([ticks.opened, news.opened]);
recordEnd('ticks', read('ticks', ticks));
recordEnd('news', read('news', news));
recordEnd('collect', flow.collect(items()));

process.on('message', () => {
  const send = (ping: string): void => {
    const report: FlowReport = { ...counts, ended: { ...ended }, ping };
    process.send?.(report);
  };
  flow.ping().then(send, (error: unknown) => {
    send(codeOf(error));
  });
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
