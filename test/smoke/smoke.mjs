// The smallest use that needs everything: two processes, a domain, a service, calls, an error, an
// orderly end. Plain JavaScript that imports the package by name, so that it also runs in a project
// that has installed it. LITEIPC_ADDON, if set, must be the addon that is really loaded.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, realpathSync } from 'node:fs';
import { ServiceManager, defineService, method, openDevice } from 'liteipc';

const Words = defineService('words', { reverse: method(), count: method() });

async function beClient(domain) {
  const device = await openDevice({ domain });
  const words = await device.service(Words);
  assert.equal(await words.reverse('lane'), 'enal');
  const counts = await Promise.all(
    Array.from({ length: 100 }, (_, i) => words.count('w '.repeat(i).trim())),
  );
  assert.deepEqual(
    counts,
    counts.map((_, i) => i),
  );
  await assert.rejects(words.count(7), /a text is expected/);
  await device.close();
}

async function beServer() {
  const domain = `smoke-${process.pid}`;
  const manager = await ServiceManager.start({ domain });
  const device = await openDevice({ domain });
  await device.expose(Words, {
    reverse: (text) => [...text].reverse().join(''),
    count: (text) => {
      if (typeof text !== 'string') throw new TypeError('a text is expected');
      return text.split(' ').filter((word) => word !== '').length;
    },
  });
  const client = fork(process.argv[1], ['client', domain]);
  const [code, signal] = await once(client, 'exit');
  assert.equal(signal ?? code, 0, 'the client process failed');
  await device.close();
  await manager.close();

  const mapped = readFileSync('/proc/self/maps', 'utf8');
  const addon = process.env.LITEIPC_ADDON;
  if (addon) assert.ok(mapped.includes(realpathSync(addon)), `${addon} is not what was loaded`);
  const loaded = /\/\S*\.node$/m.exec(mapped)?.[0];
  console.log(`smoke: ok (Node ${process.versions.node}, ${loaded})`);
}

const [role, domain] = process.argv.slice(2);
await (role === 'client' ? beClient(domain) : beServer());
