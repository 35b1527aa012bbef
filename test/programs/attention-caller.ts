/**
 * Calls `serve` of the domain in its first argument, with its second as label, and waits until it
 * is killed.
 */
import { openDevice } from 'liteipc';
import { Attention } from '../support/attention.js';

const [domain = '', label = ''] = process.argv.slice(2);
const device = await openDevice({ domain });
const client = await device.service(Attention);
await client.serve(label, { timeoutMs: Infinity });
