/** The service process: hashes files and counts their lines. */
import { createHash, type Hash } from 'node:crypto';
import { openDevice } from 'liteipc';
import { TextFiles } from './contract.js';
import { receive, send } from './messages.js';

interface OpenFile {
  readonly hash: Hash;
  bytes: number;
  lines: number;
}

const NEWLINE = 0x0a;
const { domain } = await receive('serve');
const device = await openDevice({ domain });
const files = new Map<string, OpenFile>();

await device.expose(TextFiles, {
  add({ name, part }, call) {
    // Two clients may send files of one name; the caller's process ID distinguishes them.
    const key = `${call.caller.processId} ${name}`;
    const file = files.get(key) ?? { hash: createHash('sha256'), bytes: 0, lines: 0 };
    files.set(key, file);
    file.hash.update(part);
    file.bytes += part.length;
    for (const byte of part) if (byte === NEWLINE) file.lines++;
    return file.bytes;
  },
  finish(name, call) {
    const key = `${call.caller.processId} ${name}`;
    const file = files.get(key);
    if (file === undefined) throw new Error(`received no part of ${name}`);
    files.delete(key);
    return { name, bytes: file.bytes, lines: file.lines, sha256: file.hash.digest('hex') };
  },
  sum: ([a, b]) => a + b,
});
send({ type: 'ready', text: '' });
await receive('stop');
await device.close();
process.disconnect();
