/**
 * Streams in every direction between two processes. This file is the client; service.ts is the
 * service.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceManager, openDevice } from 'liteipc';
import { Sensors, type Reading } from './contract.js';

await using manager = await ServiceManager.start({ domain: `streaming-${process.pid}` });
const service = fork(new URL('./service.js', import.meta.url), [manager.domain]);
await once(service, 'message');
await using device = await openDevice({ domain: manager.domain });
const sensors = await device.service(Sensors);

console.log('A stream of readings that the reader ends:');
for await (const { room, celsius } of sensors.watch('kitchen')) {
  console.log(`  ${room}: ${celsius} degrees`);
  if (celsius >= 20.3) break;
}

console.log('An endless stream with a slow reader: the service waits for the reader.');
const before = await sensors.made();
let read = 0;
for await (const { celsius } of sensors.watch('cellar')) {
  if (++read === 20) break;
  await sleep(celsius / 2);
}
const ahead = (await sensors.made()) - before - read;
console.log(`  ${read} readings read, the service was ${ahead < 5000 ? 'hardly' : 'far'} ahead`);

console.log('A stream to the service, and an event about one of its items:');
await using alarms = sensors.alarm();
await alarms.opened;
function* readings(): Generator<Reading> {
  for (const celsius of [19, 21, 32]) yield { room: 'sauna', celsius };
}
const { count, mean } = await sensors.upload(readings());
console.log(`  ${count} readings uploaded, ${mean} degrees on average`);
const { value: alarm } = await alarms.next();
console.log(`  alarm: ${alarm?.celsius} degrees in the ${alarm?.room}`);

console.log('Both directions at once:');
const means: number[] = [];
for await (const smoothed of sensors.smooth([10, 20, 60])) means.push(smoothed);
console.log(`  10, 20, 60 becomes ${means.join(', ')}`);

service.disconnect();
await once(service, 'exit');
