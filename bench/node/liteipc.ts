/**
 * Measures typed calls between two processes over LiteIPC's TypeScript API: a contract without
 * validators (like the other transports), a service that answers at once, and a client that awaits
 * each answer. The ServiceManager is a third process; it takes no part in a call and is idle on the
 * client's CPU.
 *
 * Variants: `adaptive` (the default wait) and `no-spin` (both ends sleep at once: spinNs 0).
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ChildProcess } from 'node:child_process';
import { defineService, method, openDevice, ServiceManager } from '#lib/index.js';
import { harnessOptions, measurePeer } from './harness.js';
import { allowedCpus, spawnNode, type Cpu } from './pinning.js';
import { answer, type Answer, type Peer, type Question } from './question.js';

const ROLE = 'BENCH_LITEIPC_ROLE';
const DOMAIN = 'BENCH_LITEIPC_DOMAIN';
const VARIANT = 'BENCH_LITEIPC_VARIANT';

const Adder = defineService('bench.adder', { add: method<Question, Answer>() });

function deviceOptions(domain: string, variant: string): Parameters<typeof openDevice>[0] {
  return variant === 'no-spin' ? { domain, spinNs: 0 } : { domain };
}

/**
 * Reports to the parent that this process is ready. Calls `end` when the parent disconnects or
 * exits.
 */
function reportReady(end: () => Promise<void>): void {
  process.once('disconnect', () => {
    void end();
  });
  process.send?.(allowedCpus());
}

async function manage(domain: string): Promise<void> {
  const manager = await ServiceManager.start({ domain });
  reportReady(() => manager.close());
}

async function serve(domain: string, variant: string): Promise<void> {
  const device = await openDevice(deviceOptions(domain, variant));
  await device.expose(Adder, { add: answer });
  reportReady(() => device.close());
}

interface Role {
  readonly process: ChildProcess;
  readonly cpus: string;
}

async function startRole(role: string, cpu: Cpu, domain: string, variant: string): Promise<Role> {
  const child = spawnNode(cpu, [fileURLToPath(import.meta.url)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [ROLE]: role, [DOMAIN]: domain, [VARIANT]: variant },
  });
  const failed = once(child, 'exit').then(() => {
    throw new Error(`the ${role} ended before it was ready`);
  });
  const [cpus] = (await Promise.race([once(child, 'message'), failed])) as [string];
  failed.catch(() => undefined);
  return { process: child, cpus };
}

async function endRole({ process: child }: Role): Promise<void> {
  const ended = once(child, 'exit');
  child.disconnect();
  await ended;
}

async function startPeer(cpu: Cpu, variant: string): Promise<Peer> {
  const domain = `bench-${process.pid}`;
  const manager = await startRole('manager', 'any', domain, variant);
  const service = await startRole('service', cpu, domain, variant);
  const device = await openDevice(deviceOptions(domain, variant));
  const adder = await device.service(Adder);
  return {
    serverCpus: service.cpus,
    call: (question) => adder.add(question),
    async close() {
      await device.close();
      await endRole(service);
      await endRole(manager);
    },
  };
}

const { [ROLE]: role, [DOMAIN]: domain = '', [VARIANT]: variant = '' } = process.env;
if (role === 'manager') {
  await manage(domain);
} else if (role === 'service') {
  await serve(domain, variant);
} else {
  const options = harnessOptions(['adaptive', 'no-spin']);
  await measurePeer(await startPeer(options.serverCpu, options.variant), options);
}
