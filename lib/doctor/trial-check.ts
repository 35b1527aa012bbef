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
const doings: Readonly<Record<Exclude<TrialStep, 'addon'>, string>> = {
  domain: 'its server could not be started',
  service: 'no device could be opened in it, or no service offered',
  call: 'a call was not answered',
  file: 'an open file could not be sent',
  end: 'it did not end',
};

const filter =
  'a filter of system calls (seccomp) may forbid something: LiteIPC needs memfd_create, fcntl seals, ' +
  'eventfd2, epoll_*, pidfd_open, socketpair, sendmsg and recvmsg. The default filters of Docker and of ' +
  'systemd (@system-service) allow them';
const remedies: Readonly<Record<string, string>> = {
  EMFILE: 'ulimit -n 1024, or LimitNOFILE= of the unit',
  // The domain's answers carry descriptors. This code is how a lack of descriptors shows.
  EPROTO: 'ulimit -n 1024, or LimitNOFILE= of the unit',
  ENFILE: 'sysctl fs.file-max: the whole system has too many files open',
  ENOMEM: 'more memory, or a higher limit of this process or its control group',
  EFBIG: 'ulimit -f unlimited, or LimitFSIZE=infinity of the unit: shared memory counts as files',
  EINVAL:
    'sysctl vm.memfd_noexec=1, if it is 2: Linux 6.3 to 6.5 then refuse to make shared memory',
  ENOSPC: 'room in the temporary directory',
  EPERM: filter,
  ENOSYS: filter,
  EACCES: `${filter}; or a security module (AppArmor, SELinux), see dmesg`,
  SIGSYS: filter,
  timeout: 'look at the load of the machine, then run this again',
};

function addonRemedy(): string {
  const chosen = process.env['LITEIPC_ADDON'];
  return chosen === undefined || chosen === ''
    ? 'npm rebuild liteipc, or in a checkout npm run build'
    : 'unset LITEIPC_ADDON, or let it name the addon of this version for this machine';
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
    const text = `there can be no trial: ${(error as Error).message}`;
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
      const text = `a private domain works: calls are answered (the last in ${took} µs), open files arrive`;
      return [...findings, ok('trial', text)];
    }
    const steps = Object.keys(doings) as (keyof typeof doings)[];
    const next = steps.find((step) => !done.some((line) => line.step === step)) ?? 'end';
    return [
      ...findings,
      failed(
        'trial',
        `a private domain does not work: ${doings[next]}: ${failure}`,
        remedies[code] ?? 'see which system call fails: strace -f npx liteipc doctor',
      ),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
