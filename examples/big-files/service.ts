/** The service, in a process of its own: service.js DOMAIN. Ends when its parent lets it go. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { openDevice } from 'liteipc';
import { Digests } from './contract.js';

const [domain = ''] = process.argv.slice(2);
const device = await openDevice({ domain });

await device.expose(Digests, {
  ofFile: async (_, call) => {
    const [file] = call.files;
    if (file === undefined) throw new TypeError('expected an open file with the call');
    const hash = createHash('sha256');
    await pipeline(createReadStream('', { fd: file.fd, start: 0, autoClose: false }), hash);
    return hash.digest('hex');
  },
  ofBytes: (bytes) => createHash('sha256').update(bytes).digest('hex'),
  make: (size) => Uint8Array.from({ length: size }, (_, index) => index),
});

process.on('disconnect', () => void device.close());
process.send?.('ready');
