/**
 * Measures typed calls between the main thread and a worker thread of one process over a
 * MessagePort.
 *
 * Both ends are in one process, so `taskset` cannot pin them to different CPUs from outside. For
 * one core the whole process is pinned. Across cores the two JavaScript threads are pinned by their
 * kernel thread ids, and the helper threads of V8 and libuv may run on all CPUs of the process.
 */
import { once } from 'node:events';
import { MessageChannel, parentPort, Worker, type MessagePort } from 'node:worker_threads';
import { harnessOptions, measurePeer } from './harness.js';
import { allowedCpus, ownThreadId, pinThread, type Cpu } from './pinning.js';
import { answer, PendingCalls, type Answer, type Peer, type Question } from './question.js';

function serve(control: MessagePort): void {
  control.once('message', (port: MessagePort) => {
    port.on('message', (question: Question) => {
      port.postMessage(answer(question));
    });
    control.postMessage('ready');
  });
  control.postMessage(ownThreadId());
}

async function startServer(cpu: Cpu): Promise<Peer> {
  const worker = new Worker(new URL(import.meta.url));
  const [threadId] = (await once(worker, 'message')) as [number];
  pinThread(threadId, cpu);
  const { port1, port2 } = new MessageChannel();
  const ready = once(worker, 'message');
  worker.postMessage(port2, [port2]);
  await ready;

  const pending = new PendingCalls();
  port1.on('message', (reply: Answer) => {
    pending.settle(reply);
  });
  return {
    serverCpus: allowedCpus(threadId),
    call(question) {
      const reply = pending.add(question.id);
      port1.postMessage(question);
      return reply;
    },
    async close() {
      port1.close();
      await worker.terminate();
    },
  };
}

if (parentPort !== null) {
  serve(parentPort);
} else {
  const options = harnessOptions([]);
  const clientCpu = process.env['BENCH_CLIENT_CPU'];
  if (clientCpu !== undefined) {
    pinThread(ownThreadId(), clientCpu);
  }
  await measurePeer(await startServer(options.serverCpu), options);
}
