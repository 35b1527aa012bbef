/**
 * Measures typed calls between two processes over a Unix stream socket, with length-prefixed frames
 * and batched writes: all calls made in one turn of the event loop, and all answers to one chunk,
 * are one write.
 *
 * Variants: `msgpack` (msgpackr, the codec that LiteIPC uses) and `binary` (laid out by hand).
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  binaryClientCodec,
  binaryServerCodec,
  FrameWriter,
  messagePackCodec,
  readFrames,
} from './frames.js';
import { harnessOptions, measurePeer } from './harness.js';
import { allowedCpus, spawnNode, type Cpu } from './pinning.js';
import { answer, PendingCalls, type Answer, type Peer, type Question } from './question.js';

const SERVER_PATH = 'BENCH_UNIX_SOCKET_PATH';
const SERVER_VARIANT = 'BENCH_UNIX_SOCKET_VARIANT';

/** Serves one client, then ends. */
function serve(path: string, variant: string): void {
  const server = createServer((socket) => {
    server.close();
    const codec = variant === 'binary' ? binaryServerCodec() : messagePackCodec<Answer, Question>();
    const writer = new FrameWriter(socket, codec);
    readFrames(
      socket,
      codec,
      (question) => writer.add(answer(question)),
      () => writer.flush(),
    );
    socket.on('end', () => socket.end());
  });
  server.listen(path, () => process.send?.(allowedCpus(), () => process.disconnect()));
}

async function startServer(cpu: Cpu, variant: string): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'liteipc-bench-'));
  const path = join(folder, 'socket');
  const server = spawnNode(cpu, [fileURLToPath(import.meta.url)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [SERVER_PATH]: path, [SERVER_VARIANT]: variant },
  });
  const [serverCpus] = (await once(server, 'message')) as [string];
  const socket = connect(path);
  await once(socket, 'connect');

  const codec = variant === 'binary' ? binaryClientCodec() : messagePackCodec<Question, Answer>();
  const writer = new FrameWriter(socket, codec);
  const pending = new PendingCalls();
  readFrames(
    socket,
    codec,
    (reply) => pending.settle(reply),
    () => undefined,
  );
  let flushQueued = false;
  return {
    serverCpus,
    call(question) {
      writer.add(question);
      if (!flushQueued) {
        flushQueued = true;
        process.nextTick(() => {
          flushQueued = false;
          writer.flush();
        });
      }
      return pending.add(question.id);
    },
    async close() {
      const ended = once(server, 'exit');
      socket.end();
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

const serverPath = process.env[SERVER_PATH];
if (serverPath !== undefined) {
  serve(serverPath, process.env[SERVER_VARIANT] ?? 'msgpack');
} else {
  const options = harnessOptions(['msgpack', 'binary']);
  await measurePeer(await startServer(options.serverCpu, options.variant), options);
}
