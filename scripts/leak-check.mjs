// Runs a command in a private environment and reports what it leaves behind:
//   node scripts/leak-check.mjs COMMAND ARGUMENT...
// The command gets a new XDG_RUNTIME_DIR and TMPDIR. A mark in its environment, which all its
// descendants inherit, distinguishes its processes from others on the machine.
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Problem, main } from './support/run.mjs';

const markName = 'LITEIPC_SUITE';
/** Time in which a killed process group must end, ms. */
const graceMs = 3000;

function attempt(read, fallback) {
  try {
    return read();
  } catch {
    return fallback; // The process has ended, or belongs to another user.
  }
}

function processIds() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid);
}

function isZombie(pid) {
  return attempt(
    () => / \d+ \(.*\) Z /s.test(` ${readFileSync(`/proc/${pid}/stat`, 'utf8')}`),
    true,
  );
}

function hasMark(pid, mark) {
  const environment = attempt(() => readFileSync(`/proc/${pid}/environ`, 'latin1'), '');
  return environment.split('\0').includes(`${markName}=${mark}`);
}

/** Returns the names of LiteIPC's memfds that a process has open. */
function memfdsOf(pid) {
  const folder = `/proc/${pid}/fd`;
  return attempt(() => readdirSync(folder), [])
    .map((fd) => attempt(() => readlinkSync(join(folder, fd)), ''))
    .filter((target) => target.startsWith('/memfd:liteipc'));
}

function commandLine(pid) {
  return attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'), '')
    .replaceAll('\0', ' ')
    .trim();
}

/**
 * Returns the files in a folder. Folders of sockets are created once and stay, but must be empty.
 */
function filesBelow(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => !/^liteipc(-\d+)?$/.test(name))
    .map((name) => join(folder, name));
}

function findLeftovers(surroundings) {
  const { mark, runtimeFolder, temporaryFolder } = surroundings;
  const processes = processIds().filter((pid) => hasMark(pid, mark) && !isZombie(pid));
  return [
    ...processes.map((pid) => `process ${pid}: ${commandLine(pid)}`),
    ...processes.flatMap((pid) => memfdsOf(pid).map((target) => `${target} held by ${pid}`)),
    ...filesBelow(runtimeFolder).map((path) => `runtime file ${path}`),
    ...filesBelow(temporaryFolder).map((path) => `temporary file ${path}`),
  ];
}

/**
 * Runs `body(environment)` and returns `{ result, leftovers }`: its result, and one line for each
 * thing that it left behind. The children of `body` must get that environment. Processes that it
 * left are ended.
 */
export async function withLeakCheck(body) {
  const folder = mkdtempSync(join(tmpdir(), 'liteipc-'));
  // Children with another user ID must be able to enter, and to create temporary files.
  chmodSync(folder, 0o755);
  const surroundings = {
    mark: randomUUID(),
    runtimeFolder: join(folder, 'run'),
    temporaryFolder: join(folder, 'tmp'),
  };
  mkdirSync(surroundings.runtimeFolder, { mode: 0o700 });
  mkdirSync(surroundings.temporaryFolder);
  chmodSync(surroundings.temporaryFolder, 0o1777);
  try {
    const result = await body({
      [markName]: surroundings.mark,
      XDG_RUNTIME_DIR: surroundings.runtimeFolder,
      TMPDIR: surroundings.temporaryFolder,
    });
    const deadline = Date.now() + graceMs;
    let leftovers = findLeftovers(surroundings);
    while (leftovers.length > 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      leftovers = findLeftovers(surroundings);
    }
    return { result, leftovers };
  } finally {
    for (const pid of processIds().filter((candidate) => hasMark(candidate, surroundings.mark))) {
      attempt(() => process.kill(pid, 'SIGKILL'), undefined);
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Prints the outcome. Returns whether nothing was left behind. */
export function reportLeftovers(leftovers) {
  if (leftovers.length === 0) {
    console.log('Leak check: no process, socket, memfd or temporary file is left.');
    return true;
  }
  console.error(`Leak check: ${leftovers.length} left behind:`);
  for (const line of leftovers) console.error(`  ${line}`);
  return false;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(async () => {
    const [command, ...args] = process.argv.slice(2);
    if (command === undefined) throw new Problem('Usage: leak-check.mjs COMMAND ARGUMENT...');
    const { result, leftovers } = await withLeakCheck((environment) =>
      spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...environment } }),
    );
    if (result.error) throw new Problem(`${command}: ${result.error.message}`);
    process.exitCode = reportLeftovers(leftovers) ? (result.status ?? 1) : 1;
  });
}
