/** Offers the service `files` in the domain of its first argument until it is killed. */
import { openDevice } from 'liteipc';
import { FileReader, Files } from '../support/files.js';

const [domain = ''] = process.argv.slice(2);
const device = await openDevice({ domain });
await device.expose(Files, new FileReader(), { onError: () => undefined });
process.send?.('ready');
