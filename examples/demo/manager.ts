/** The manager process: starts the domain and admits the processes whose pids it receives. */
import { ServiceManager, allow } from 'liteipc';
import { TextFiles } from './contract.js';
import { receive, send } from './messages.js';

const { domain, admitted } = await receive('manage');
const manager = await ServiceManager.start({
  domain,
  policy: [allow(TextFiles).to(...admitted.map((pid) => ({ pid })))],
});
send({ type: 'ready', text: manager.path });
await receive('stop');
await manager.close();
process.disconnect();
