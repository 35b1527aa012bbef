/**
 * Measures how a service in another process hashes a file of 1 GiB (or `--mib N`): once passed as
 * an open file, once passed as bytes. Prints the time and the peak memory of each process: private
 * memory (RssAnon) and memory shared with the other process (RssShmem, the same pages in both).
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ServiceManager, defineService, method, openDevice, releaseBytes } from 'liteipc';

const MIB = 1024 * 1024;
const PIECE = 16 * MIB;
/** A value that needs more private memory than this was copied. */
const PRIVATE_MAX = 128 * MIB;

interface Peak {
  anonymous: number;
  shared: number;
}

const Hashes = defineService('hashes', {
  ofFile: method<number, string>(),
  ofBytes: method<Uint8Array, string>(),
  /** Returns the peak memory since the previous call, in bytes. */
  peak: method<void, Peak>(),
});

let highest: Peak = { anonymous: 0, shared: 0 };

function samplePeak(): void {
  const status = readFileSync('/proc/self/status', 'utf8');
  const of = (name: string): number => {
    const found = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status);
    return Number(found?.[1]) * 1024;
  };
  highest = {
    anonymous: Math.max(highest.anonymous, of('RssAnon')),
    shared: Math.max(highest.shared, of('RssShmem')),
  };
}

function takePeak(): Peak {
  samplePeak();
  const peak = highest;
  highest = { anonymous: 0, shared: 0 };
  return peak;
}

function hashOf(pieces: Iterable<Uint8Array>): string {
  const hash = createHash('sha256');
  for (const piece of pieces) {
    hash.update(piece);
    samplePeak();
  }
  return hash.digest('hex');
}

function* piecesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
}

function* piecesOfFile(fd: number, size: number): Generator<Uint8Array> {
  const piece = Buffer.alloc(PIECE);
  for (let at = 0; at < size; at += PIECE)
    yield piece.subarray(0, readSync(fd, piece, 0, PIECE, at));
}

async function serve(domain: string): Promise<void> {
  const device = await openDevice({ domain });
  await device.expose(Hashes, {
    ofFile: (size, call) => hashOf(piecesOfFile(call.files[0]?.fd ?? -1, size)),
    ofBytes: (bytes) => {
      const digest = hashOf(piecesOf(bytes));
      releaseBytes(bytes);
      return digest;
    },
    peak: takePeak,
  });
  process.send?.('ready');
}

function inMib(bytes: number): string {
  return String(Math.round(bytes / MIB)).padStart(6);
}

async function run(mib: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'liteipc-big-data-'));
  const path = join(folder, 'file');
  const domain = join(folder, 'domain.sock');
  const manager = await ServiceManager.start({ domain });
  const child = fork(import.meta.filename, ['--serve', domain]);
  try {
    await once(child, 'message');
    const fd = openSync(path, 'w+');
    const piece = Buffer.alloc(MIB);
    for (let index = 0; index < mib; index++) {
      piece.fill(index);
      writeSync(fd, piece);
    }
    const device = await openDevice({ domain });
    const client = await device.service(Hashes);
    const measure = async (what: string, call: () => Promise<string>): Promise<string> => {
      takePeak();
      const before = await client.peak();
      const start = performance.now();
      const digest = await call();
      const seconds = ((performance.now() - start) / 1000).toFixed(2).padStart(6);
      const [here, there] = [takePeak(), await client.peak()];
      console.log(
        `${what.padEnd(18)} ${seconds} s | client: private ${inMib(here.anonymous)}, shared ${inMib(here.shared)} MiB` +
          ` | service: private ${inMib(there.anonymous)} (before ${inMib(before.anonymous)}), shared ${inMib(there.shared)} MiB`,
      );
      if (there.anonymous - before.anonymous > PRIVATE_MAX) {
        throw new Error('the service needed more private memory than a copy of a piece takes');
      }
      return digest;
    };
    console.log(`SHA-256 of ${mib} MiB by another process; memory at its highest`);
    const timeoutMs = Infinity;
    const byFile = await measure('as an open file', () =>
      client.ofFile(mib * MIB, { files: [fd], timeoutMs }),
    );
    closeSync(fd);
    const bytes = readFileSync(path);
    const byBytes = await measure('as bytes', () => client.ofBytes(bytes, { timeoutMs }));
    if (byFile !== byBytes) throw new Error('the two hashes differ');
    await device.close();
  } finally {
    child.kill();
    await manager.close();
    rmSync(folder, { recursive: true });
  }
}

const { values } = parseArgs({
  options: { serve: { type: 'string' }, mib: { type: 'string', default: '1024' } },
});
if (values.serve !== undefined) await serve(values.serve);
else await run(Number(values.mib));
