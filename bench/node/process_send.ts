/**
 * Measures typed calls between a process and its child over `process.send`, the channel of
 * `child_process.fork`.
 *
 * Variants: `advanced` (structured clone, as of v8.serialize) and `json`.
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { harnessOptions, measurePeer } from './harness.js';
import { allowedCpus, spawnNode, type Cpu } from './pinning.js';
import { answer, PendingCalls, type Answer, type Peer, type Question } from './question.js';

const SERVER_ROLE = 'BENCH_PROCESS_SEND_SERVER';

function serve(): void {
  process.on('message', (question: Question) => process.send?.(answer(question)));
  process.send?.(allowedCpus());
}

async function startServer(cpu: Cpu, variant: string): Promise<Peer> {
  const server = spawnNode(cpu, [fileURLToPath(import.meta.url)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: variant === 'json' ? 'json' : 'advanced',
    env: { ...process.env, [SERVER_ROLE]: '1' },
  });
  const [serverCpus] = (await once(server, 'message')) as [string];
  const pending = new PendingCalls();
  server.on('message', (reply) => {
    pending.settle(reply as Answer);
  });
  return {
    serverCpus,
    call(question) {
      const reply = pending.add(question.id);
      server.send(question);
      return reply;
    },
    async close() {
      const ended = once(server, 'exit');
      server.disconnect();
      await ended;
    },
  };
}

if (process.env[SERVER_ROLE] === '1') {
  serve();
} else {
  const options = harnessOptions(['advanced', 'json']);
  await measurePeer(await startServer(options.serverCpu, options.variant), options);
}
