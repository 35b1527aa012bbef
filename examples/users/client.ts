/**
 * A process of one user: client.js DOMAIN UID GID. It becomes that user before it opens its device,
 * and the system tells the domain who it is. Whenever it is told to, it tries what it may do.
 */
import { LiteIpcError, openDevice } from 'liteipc';
import { Ledger, type Attempts } from './contract.js';

const [domain = '', uid, gid] = process.argv.slice(2);
if (process.getuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(Number(gid));
  process.setuid?.(Number(uid));
}
const device = await openDevice({ domain });

async function attempt(body: () => Promise<unknown>): Promise<string> {
  try {
    await body();
    return 'ok';
  } catch (error) {
    if (error instanceof LiteIpcError) return error.code;
    throw error;
  }
}

process.on('message', () => {
  void (async () => {
    const attempts: Attempts = {
      read: await attempt(async () => (await device.service(Ledger)).read()),
      write: await attempt(async () => (await device.service(Ledger)).write(`by ${uid}`)),
    };
    process.send?.(attempts);
  })();
});
process.on('disconnect', () => void device.close());
process.send?.('ready');
