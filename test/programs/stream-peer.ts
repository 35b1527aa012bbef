/**
 * Usage: service|reader|writer DOMAIN. Runs one side of a stream in its own process. Answers every
 * message with a report.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { defineService, method, openDevice, sink, stream, type CallContext } from 'liteipc';

export const Endless = defineService('endless', {
  /** Yields items of 1 KiB without end. */
  chunks: stream<void, Uint8Array>(),
  /** Reads one item every 50 ms. */
  upload: sink<Uint8Array>(),
  ping: method(),
});

/** Report of a peer. */
export interface PeerReport {
  readonly rss: number;
  /** Number of produced items. */
  readonly produced: number;
  /** Number of read items. */
  readonly read: number;
  /** Ends of streams, as codes. */
  readonly ended: readonly string[];
}

const ITEM = 1024;
const READ_EVERY_MS = 50;
const ended: string[] = [];
let produced = 0;
let read = 0;

async function* produce(signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      produced++;
      yield await Promise.resolve(new Uint8Array(ITEM));
    }
  } finally {
    if (signal !== undefined) {
      ended.push(`produce ${signal.aborted ? (signal.reason as { code: string }).code : 'done'}`);
    } else {
      ended.push('produce returned');
    }
  }
}

async function readSlowly(items: AsyncIterable<unknown>): Promise<void> {
  try {
    for await (const item of items) {
      if (item instanceof Uint8Array) read++;
      await sleep(READ_EVERY_MS);
    }
    ended.push('read done');
  } catch (error) {
    ended.push(`read ${(error as { code: string }).code}`);
  }
}

async function main(role: string, domain: string): Promise<void> {
  const device = await openDevice({ domain });
  if (role === 'service') {
    await device.expose(Endless, {
      chunks: (_input: unknown, call: CallContext) => produce(call.signal),
      upload: async (items) => {
        await readSlowly(items);
      },
      ping: () => undefined,
    });
    return;
  }
  const client = await device.service(Endless);
  if (role === 'reader') void readSlowly(client.chunks());
  else {
    client.upload(produce()).catch((error: unknown) => {
      ended.push(`call ${(error as { code: string }).code}`);
    });
  }
}

const [role = '', domain = ''] = process.argv.slice(2);
if (role !== '') {
  process.on('unhandledRejection', (error) => ended.push(`unhandled ${String(error)}`));
  process.on('message', () => {
    globalThis.gc?.();
    process.send?.({ rss: process.memoryUsage.rss(), produced, read, ended } satisfies PeerReport);
  });
  process.on('disconnect', () => process.exit(0));
  await main(role, domain);
  process.send?.('ready');
}
