/** Makes a private domain, calls a service in it and removes it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failed, ok, type Finding } from './finding.js';
import { runProbe } from './probe.js';
import { SOCKET_PATH_MAX } from './socket-path.js';
import type { TrialLine, TrialStep } from './trial-program.js';

const TIMEOUT_MS = 15_000;

/** The activity during which a step failed. */
const activities: Readonly<Record<Exclude<TrialStep, 'addon'>, string>> = {
  domain: 'its server could not be started',
  service: 'a device could not be opened in it, or a service not exposed',
  call: 'a call was not answered',
  file: 'an open file could not be sent',
  end: 'it did not end',
};

const filter =
  'a system call filter (seccomp) may block a system call: LiteIPC needs memfd_create, fcntl seals, ' +
  'eventfd2, epoll_*, pidfd_open, socketpair, sendmsg and recvmsg. The default filters of Docker and of ' +
  'systemd (@system-service) allow them';
const remedies: Readonly<Record<string, string>> = {
  EMFILE: 'ulimit -n 1024, or LimitNOFILE= of the unit',
  // The domain's answers carry descriptors. This code is how a lack of descriptors shows.
  EPROTO: 'ulimit -n 1024, or LimitNOFILE= of the unit',
  ENFILE: 'raise sysctl fs.file-max: the system has too many open files',
  ENOMEM: 'free memory, or raise the limit of this process or its control group',
  EFBIG: 'ulimit -f unlimited, or LimitFSIZE=infinity of the unit: shared memory counts as files',
  EINVAL:
    'set sysctl vm.memfd_noexec=1 if it is 2: Linux 6.3 to 6.5 then refuse to create shared memory',
  ENOSPC: 'free space in the temporary directory',
  EPERM: filter,
  ENOSYS: filter,
  EACCES: `${filter}; or a security module (AppArmor, SELinux), see dmesg`,
  SIGSYS: filter,
  timeout: 'check the load of the machine, then run the command again',
};

function addonRemedy(): string {
  const chosen = process.env['LITEIPC_ADDON'];
  return chosen === undefined || chosen === ''
    ? 'npm rebuild liteipc, or in a checkout npm run build'
    : 'unset LITEIPC_ADDON, or set it to the addon of this version for this machine';
}

/** Makes a folder in the temporary directory, or in /tmp if its path is too long for a socket. */
function makeFolder(): string {
  const room = SOCKET_PATH_MAX - '/liteipc-doctor-XXXXXX/trial.sock.lock'.length;
  const parent = Buffer.byteLength(tmpdir()) <= room ? tmpdir() : '/tmp';
  return mkdtempSync(join(parent, 'liteipc-doctor-'));
}

/** Checks that the addon loads and that calls work. */
export async function checkByTrial(signal: AbortSignal): Promise<Finding[]> {
  let folder: string;
  try {
    folder = makeFolder();
  } catch (error) {
    const text = `the trial cannot start: ${(error as Error).message}`;
    return [failed('trial', text, 'set TMPDIR to a directory in which this user may write')];
  }
  try {
    const { lines, failure, code } = await runProbe('trial-program', [folder], TIMEOUT_MS, signal);
    const done = lines as readonly TrialLine[];
    const addon = done.find(({ step }) => step === 'addon');
    if (addon === undefined) return [failed('addon', failure, remedies[code] ?? addonRemedy())];
    const findings = [ok('addon', `${addon.path ?? ''} loads`)];
    if (failure === '') {
      const took = done.find(({ step }) => step === 'call')?.microseconds ?? 0;
      const text = `a private domain works: calls return (the last in ${took} µs), open files arrive`;
      return [...findings, ok('trial', text)];
    }
    const steps = Object.keys(activities) as (keyof typeof activities)[];
    const next = steps.find((step) => !done.some((line) => line.step === step)) ?? 'end';
    return [
      ...findings,
      failed(
        'trial',
        `a private domain does not work: ${activities[next]}: ${failure}`,
        remedies[code] ?? 'find the failing system call: strace -f npx liteipc doctor',
      ),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
