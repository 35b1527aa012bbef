/** Offers the service `big` in the domain of its first argument until it is killed. */
import { openDevice } from 'liteipc';
import { Big, BigService } from '../support/big-data.js';

const [domain = '', messageLimit = String(2 ** 32)] = process.argv.slice(2);
const device = await openDevice({ domain, messageLimit: Number(messageLimit) });
await device.expose(Big, new BigService(), { onError: () => undefined });
process.send?.('ready');
