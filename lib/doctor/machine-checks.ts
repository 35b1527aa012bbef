/** Checks the machine by the facts that the system reports. */
import { existsSync, readFileSync } from 'node:fs';
import { failed, ok, warning, type Finding } from './finding.js';

type Version = readonly [major: number, minor: number];

function versionOf(text: string): Version | undefined {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(text) ?? [];
  return major === undefined || minor === undefined ? undefined : [Number(major), Number(minor)];
}

function isBefore([major, minor]: Version, [otherMajor, otherMinor]: Version): boolean {
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}

/** Checks the version of Node. `range` is the package's: `>=20.19`. */
export function checkNode(version: string, range: string): Finding {
  const [found, least] = [versionOf(version), versionOf(range)];
  if (found === undefined || least === undefined || isBefore(found, least)) {
    return failed(
      'Node',
      `${version}; ${range} is required`,
      'install a newer Node: https://nodejs.org',
    );
  }
  return ok('Node', `${version} (${range} is required)`);
}

/** Checks the system and the processor. */
export function checkPlatform(platform: string, architecture: string): Finding {
  const text = `${platform} ${architecture}`;
  if (platform === 'linux' && (architecture === 'x64' || architecture === 'arm64')) {
    return ok('platform', text);
  }
  return failed('platform', `${text} is not supported`, 'use Linux on x64 or arm64');
}

const SEALS: Version = [5, 1];
const PIDFD: Version = [5, 3];
const BELL: Version = [6, 4];

/** Checks the kernel. `release` is the output of `uname -r`. */
export function checkKernel(release: string): Finding {
  const version = versionOf(release);
  if (version === undefined) {
    return warning('kernel', `unknown version: ${release}`, '5.3 or later is required');
  }
  const update = 'update to Linux 5.3 or later, preferably 6.4 or later';
  if (isBefore(version, SEALS)) {
    const text = `${release} cannot seal memory against writing (F_SEAL_FUTURE_WRITE, since 5.1), which isolation requires`;
    return failed('kernel', text, update);
  }
  if (isBefore(version, PIDFD)) {
    const text = `${release} has no pidfd_open (since 5.3), which detects the end of a process`;
    return failed('kernel', text, update);
  }
  if (isBefore(version, BELL)) {
    const text = `${release} works, but before 6.4 a hostile service can block a thread of its clients (docs/threat-model.md)`;
    return warning('kernel', text, 'update to Linux 6.4 or later if services are not trusted');
  }
  return ok('kernel', release);
}

/** Checks `/proc`, through which memory is opened a second time. */
export function checkProc(root = '/proc'): Finding {
  if (existsSync(`${root}/self/fd`)) return ok('/proc', 'mounted');
  const text =
    'not mounted; LiteIPC needs it to make message pools and to identify processes of root';
  return failed('/proc', text, 'mount -t proc proc /proc');
}

/** Below this limit of descriptors some resources are likely to run out. */
const DESCRIPTORS_GOOD = 1024;
/** Descriptors of a Node process with an open device and no peer. */
const DESCRIPTORS_OWN = 60;
/** Descriptors per peer: one lane in each direction. */
const DESCRIPTORS_PER_PEER = 4;

function limitOf(limits: string, name: string): number {
  const line = limits.split('\n').find((each) => each.startsWith(name)) ?? '';
  const soft = line.slice(name.length).trim().split(/\s+/)[0] ?? '';
  return soft === 'unlimited' || soft === '' ? Infinity : Number(soft);
}

/** Checks the limit of descriptors. `limits` is the text of /proc/self/limits. */
export function checkDescriptors(limits: string): Finding {
  const count = limitOf(limits, 'Max open files');
  const peers = Math.max(Math.floor((count - DESCRIPTORS_OWN) / DESCRIPTORS_PER_PEER), 0);
  const room = Number.isFinite(peers) ? `about ${peers}` : 'any number of';
  const text = `a process may open ${Number.isFinite(count) ? count : 'any number of'} files: room for lanes with ${room} other processes`;
  if (count >= DESCRIPTORS_GOOD) return ok('open files', text);
  return warning('open files', text, `ulimit -n ${DESCRIPTORS_GOOD}, or LimitNOFILE= of the unit`);
}

/** Less available memory than this gives a warning, bytes. */
const MEMORY_LOW = 64 * 1024 * 1024;

/** The input of {@link checkMemory}. A member is absent where the system does not report it. */
export interface MemoryFacts {
  /** Text of /proc/self/limits. */
  readonly limits: string;
  /** Text of /proc/sys/vm/overcommit_memory. */
  readonly overcommit?: string | undefined;
  /** Text of /proc/meminfo. */
  readonly memory?: string | undefined;
  /** Limits of the control group: memory.max and memory.current. */
  readonly groupMaximum?: string | undefined;
  readonly groupCurrent?: string | undefined;
}

function kilobytes(memory: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(memory)?.[1]) * 1024;
}

const inMegabytes = (bytes: number): string => `${Math.floor(bytes / 1024 / 1024)} MiB`;

/** Checks limits that can prevent shared memory from being made. */
export function checkMemory(facts: MemoryFacts): Finding {
  const { limits, overcommit, memory = '', groupMaximum, groupCurrent } = facts;
  const addressSpace = limitOf(limits, 'Max address space');
  if (Number.isFinite(addressSpace)) {
    const text = `the address space of a process is limited to ${inMegabytes(addressSpace)}: lanes and pools reserve more than they use`;
    return warning('memory', text, 'ulimit -v unlimited, or LimitAS=infinity of the unit');
  }
  const committable = kilobytes(memory, 'CommitLimit') - kilobytes(memory, 'Committed_AS');
  if (overcommit?.trim() === '2' && committable < MEMORY_LOW) {
    const text = `the system does not overcommit memory and has ${inMegabytes(Math.max(committable, 0))} left`;
    return warning(
      'memory',
      text,
      'set sysctl vm.overcommit_memory=0, or a higher overcommit_ratio',
    );
  }
  const groupLeft = Number(groupMaximum) - Number(groupCurrent);
  if (groupLeft < MEMORY_LOW) {
    const text = `the control group has ${inMegabytes(Math.max(groupLeft, 0))} left; lanes and pools are charged to the group that first writes to them`;
    return warning('memory', text, 'raise MemoryMax= of the unit, or --memory of the container');
  }
  return ok('memory', 'shared memory is not limited');
}

/** Checks the user. `uidMap` is the text of /proc/self/uid_map. */
export function checkUser(uid: number, gid: number, uidMap: string): Finding {
  const [inside, outside, count] = uidMap.trim().split(/\s+/).map(Number);
  const isWhole = inside === 0 && outside === 0 && count === 0xffff_ffff;
  const namespace = isWhole
    ? ''
    : ' in a user namespace: its uids differ from those outside, and domains outside refuse its root';
  const root = uid === 0 ? '; root may use only domains that root started' : '';
  return ok('user', `uid ${uid}, gid ${gid}${namespace}${root}`);
}

/** Returns the text of a system file, or `undefined` if it does not exist. */
export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Returns the memory facts of this machine. */
export function memoryFacts(): MemoryFacts {
  const group = /^0::(.*)$/m.exec(textOf('/proc/self/cgroup') ?? '')?.[1] ?? '';
  const folder = `/sys/fs/cgroup${group}`;
  return {
    limits: textOf('/proc/self/limits') ?? '',
    overcommit: textOf('/proc/sys/vm/overcommit_memory'),
    memory: textOf('/proc/meminfo'),
    groupMaximum: textOf(`${folder}/memory.max`),
    groupCurrent: textOf(`${folder}/memory.current`),
  };
}
