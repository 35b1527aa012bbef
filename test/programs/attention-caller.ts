/** Usage: DOMAIN LABEL. Calls `serve` of the domain with the label, and waits to be killed. */
import { openDevice } from 'liteipc';
import { Attention } from '../support/attention.js';

const [domain = '', label = ''] = process.argv.slice(2);
const device = await openDevice({ domain });
const client = await device.service(Attention);
await client.serve(label, { timeoutMs: Infinity });
