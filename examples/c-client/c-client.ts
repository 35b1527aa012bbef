/**
 * Serves a client in C: compiles client.c, starts it in this program's domain, and offers the
 * service. The C program uses only the device and the parcel.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServiceManager, openDevice } from 'liteipc';
import { Weather } from './contract.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'liteipc-c-client-'));

try {
  const program = join(folder, 'client');
  const source = join(root, 'examples/c-client/client.c');
  const options = ['-std=c11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror'];
  execFileSync('cc', [...options, `-I${join(root, 'native/include')}`, source, '-o', program]);

  await using manager = await ServiceManager.start({ domain: `c-client-${process.pid}` });
  await using device = await openDevice({ domain: manager.domain });
  const reports = new Map<string, number[]>();
  await device.expose(Weather, {
    report: ({ room, celsius }, { caller }) => {
      console.log(`service: process ${caller.pid} reports ${celsius} from the ${room}`);
      reports.set(room, [...(reports.get(room) ?? []), celsius]);
    },
    summary: (room) => {
      const found = reports.get(room) ?? [];
      const total = found.reduce((sum, celsius) => sum + celsius, 0);
      return { count: found.length, mean: found.length === 0 ? 0 : total / found.length };
    },
  });

  // `liteipc run` provides /dev/lite_ipc. The hash shows that both sides use the same contract.
  const command = [join(root, 'dist/cli/liteipc.js'), 'run', '--domain', manager.domain, program];
  const client = spawn(process.execPath, [...command, Weather.name, String(Weather.hash)], {
    stdio: 'inherit',
  });
  const [status] = (await once(client, 'exit')) as [number | null];
  if (status !== 0) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
