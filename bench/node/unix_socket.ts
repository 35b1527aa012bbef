/**
 * Measures typed calls between two processes over a Unix stream socket, with length-prefixed frames
 * and batched writes: all calls of one turn of the event loop, and all answers to one chunk, are
 * one write.
 *
 * Variants: `msgpack` (msgpackr, the codec of LiteIPC) and `binary` (custom frames).
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
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

const SERVER_NAME = 'BENCH_UNIX_SOCKET_NAME';
const SERVER_VARIANT = 'BENCH_UNIX_SOCKET_VARIANT';

/** Returns an abstract address, which leaves no file behind. */
function address(name: string): string {
  return `\0${name}`;
}

/** Serves one client, then exits. Also exits if the client disappears before it connects. */
function serve(name: string, variant: string): void {
  const server = createServer((socket) => {
    server.close();
    const codec = variant === 'binary' ? binaryServerCodec() : messagePackCodec<Answer, Question>();
    const writer = new FrameWriter(socket, codec);
    readFrames(
      socket,
      codec,
      (question) => {
        writer.add(answer(question));
      },
      () => {
        writer.flush();
      },
    );
    socket.on('end', () => socket.end());
  });
  process.on('disconnect', () => {
    process.exit();
  });
  server.listen(address(name), () => {
    process.send?.(allowedCpus());
  });
}

async function startServer(cpu: Cpu, variant: string): Promise<Peer> {
  const name = `liteipc-bench-${process.pid}`;
  const server = spawnNode(cpu, [fileURLToPath(import.meta.url)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [SERVER_NAME]: name, [SERVER_VARIANT]: variant },
  });
  const [serverCpus] = (await once(server, 'message')) as [string];
  const socket = connect(address(name));
  await once(socket, 'connect');

  const codec = variant === 'binary' ? binaryClientCodec() : messagePackCodec<Question, Answer>();
  const writer = new FrameWriter(socket, codec);
  const pending = new PendingCalls();
  readFrames(
    socket,
    codec,
    (reply) => {
      pending.settle(reply);
    },
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
      server.disconnect();
      await ended;
      socket.destroy();
    },
  };
}

const serverName = process.env[SERVER_NAME];
if (serverName !== undefined) {
  serve(serverName, process.env[SERVER_VARIANT] ?? 'msgpack');
} else {
  const options = harnessOptions(['msgpack', 'binary']);
  await measurePeer(await startServer(options.serverCpu, options.variant), options);
}
