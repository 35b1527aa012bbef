/** A client of a service that reads log files. */
import { writeFileSync } from 'node:fs';
import { Logs, countMatches } from './logs-contract.js';
import { openShop } from './support.js';

writeFileSync('messages.log', 'one\noom two\nthree oom\n');
const device = await openShop();
await device.expose(Logs, {
  count: ({ pattern }, { files: [file] }) => countMatches(file?.fd ?? -1, pattern),
  latest: () => undefined,
});

export const logs = await device.service(Logs);
