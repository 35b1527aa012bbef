/**
 * Runs as one user: client.js DOMAIN UID GID. The process becomes this user before it opens its
 * device, so the domain learns the user from the operating system. For each message from its parent
 * it calls all methods and reports the results.
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
