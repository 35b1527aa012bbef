/** A client that no rule names. */
import { LiteIpcError, openDevice } from 'liteipc';
import { TextFiles } from './contract.js';
import { receive, send } from './messages.js';

const { domain } = await receive('call');
await using device = await openDevice({ domain });
try {
  await device.service(TextFiles);
  send({ type: 'ready', text: 'the stranger was admitted' });
} catch (error) {
  if (!(error instanceof LiteIpcError)) throw error;
  send({ type: 'refused', code: error.code, text: error.message });
}
await receive('stop');
process.disconnect();
