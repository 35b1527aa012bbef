/** Checks one domain: its files, its server, its ServiceManager and its processes. */
import { accessSync, constants, lstatSync, readdirSync, statSync, type Stats } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { ProbeLine, ProcessSeen } from './domain-probe-program.js';
import { failed, ok, warning, type Finding } from './finding.js';
import { runProbe, type ProbeResult } from './probe.js';
import {
  describeProcess,
  foldersOf,
  livenessOf,
  serverOf,
  socketPath,
  type RuntimeDirectory,
} from './socket-path.js';

const TIMEOUT_MS = 15_000;
/** Number of processes that are listed; the remaining ones are counted. */
const PROCESSES_NAMED = 8;

const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0');

function otherDomains({ path }: RuntimeDirectory): string {
  try {
    const names = readdirSync(path).filter((name) => name.endsWith('.sock'));
    return names.length === 0
      ? ''
      : `; running or left behind: ${names.map((name) => name.slice(0, -5)).join(', ')}`;
  } catch {
    return '';
  }
}

const startIt = (domain: string): string => `npx liteipc serve --domain ${domain}`;

function absent(domain: string, path: string, directory: RuntimeDirectory): Finding {
  const others = isAbsolute(domain) ? '' : otherDomains(directory);
  const remedy = isAbsolute(domain)
    ? startIt(domain)
    : `${startIt(domain)}; name a domain of another user or another XDG_RUNTIME_DIR by the path of its socket`;
  return failed('socket', `no such domain is running: nothing is at ${path}${others}`, remedy);
}

function unreachable(path: string): Finding {
  const closed = foldersOf(path)
    .reverse()
    .find((folder) => {
      try {
        accessSync(folder, constants.X_OK);
        return false;
      } catch {
        return true;
      }
    });
  const text = `this user may not enter the directory ${closed ?? path}`;
  return failed(
    'socket',
    text,
    'join the group that may enter it, or use another path for the domain',
  );
}

/** Checks the socket and its server. Returns `true` if a device may be opened. */
async function checkSocket(
  domain: string,
  path: string,
  directory: RuntimeDirectory,
): Promise<[Finding, boolean]> {
  let facts: Stats;
  try {
    facts = lstatSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return [code === 'EACCES' ? unreachable(path) : absent(domain, path, directory), false];
  }
  const about = `${path} (uid ${facts.uid}, gid ${facts.gid}, mode ${octal(facts.mode & 0o777)})`;
  if (!facts.isSocket()) {
    return [
      failed('socket', `${path} is not a socket`, `remove it, then ${startIt(domain)}`),
      false,
    ];
  }
  switch (await livenessOf(path)) {
    case 'listening':
      return [ok('socket', about), true];
    case 'denied': {
      const text = `${about}: this user may not connect`;
      const remedy =
        'start it with --socket-group (socketGid) or --socket-mode (socketMode), or join its group';
      return [failed('socket', text, remedy), false];
    }
    case 'foreign':
      return [
        failed(
          'socket',
          `another program listens at ${path}`,
          'choose another path for the domain',
        ),
        false,
      ];
    default: {
      const text = `no such domain is running: ${path} was left behind by a killed server`;
      return [failed('socket', text, `${startIt(domain)}; it replaces the old socket`), false];
    }
  }
}

/** Checks who could replace the domain's socket with another one. */
function checkFolders(path: string): Finding {
  const check = 'socket directory';
  for (const [depth, folder] of foldersOf(path).entries()) {
    const { mode, uid } = statSync(folder);
    const isOpen = (mode & 0o022) !== 0;
    const isSticky = (mode & 0o1000) !== 0;
    if (!isOpen || (isSticky && depth > 0)) continue;
    const who = (mode & 0o002) !== 0 ? 'every user' : 'its group';
    const text = `${folder} (uid ${uid}, mode ${octal(mode)}) is writable by ${who}, who can replace the domain's socket`;
    return warning(
      check,
      text,
      'use a separate directory for the domain, and run chmod go-w on it',
    );
  }
  return ok(check, 'only the owner and root can write to the directories above the socket');
}

function explainOpening({ failure, code }: ProbeResult, server: string): Finding {
  const reasons: Readonly<Record<string, readonly [string, string]>> = {
    EPROTO: [
      `${server} speaks another version of the protocol`,
      'use the same version of liteipc for both; restart the domain after an update',
    ],
    EPERM: [
      'the domain does not admit root, which it cannot distinguish from the root of a container: root may use only domains that root started',
      'run the command as another user: setpriv --reuid USER --regid GROUP --init-groups',
    ],
    EAGAIN: [
      "the domain's or this user's share of processes is used up",
      'close devices, or end processes of this user that are in the domain',
    ],
    EACCES: ['this user may not use its socket', 'see --socket-group of "liteipc serve"'],
    ENODEV: [
      `${server} does not answer, or has just ended`,
      'check whether it is stopped (SIGSTOP); restart it',
    ],
    timeout: [`${server} does not answer`, 'check whether it is stopped (SIGSTOP); restart it'],
  };
  const [text, remedy] = reasons[code] ?? [failure, 'restart the domain'];
  return failed('server', text, remedy);
}

function explainManager(answer: string, text: string): Finding {
  switch (answer) {
    case 'found':
    case 'ENOENT':
    case 'EACCES':
      return ok('manager', 'the ServiceManager answers');
    case 'EINVAL':
    case 'EPIPE':
      return failed(
        'manager',
        'the domain has no ServiceManager, so services can be neither registered nor found',
        'start the program that becomes its ServiceManager, or use "liteipc serve" instead of "liteipc domain"',
      );
    case 'ETIME':
      return failed(
        'manager',
        'the ServiceManager does not answer: its program is blocked or stopped',
        'check its program; restart it if it does not recover',
      );
    default:
      return warning(
        'manager',
        `handle 0 is not this package's ServiceManager: ${text}`,
        'services and clients in Node require one; C programs may use their own',
      );
  }
}

function describeProcesses(processes: readonly ProcessSeen[]): Finding {
  const named = processes
    .slice(0, PROCESSES_NAMED)
    .map(
      ({ pid, uid, tasks }) => `${pid} (uid ${uid}, ${tasks} ${tasks === 1 ? 'task' : 'tasks'})`,
    );
  const more = processes.length - named.length;
  const text = `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return ok('processes', text === '' ? 'none' : text);
}

/** Runs all checks of one domain. */
export async function checkDomain(
  domain: string,
  directory: RuntimeDirectory,
  signal: AbortSignal,
): Promise<Finding[]> {
  const path = socketPath(domain, directory);
  const [socket, isListening] = await checkSocket(domain, path, directory);
  if (!isListening) return [socket];
  const findings = [socket, ...(isAbsolute(domain) ? [checkFolders(path)] : [])];
  const pid = serverOf(path);
  const server = pid === undefined ? 'its server' : `its server, ${describeProcess(pid)},`;
  const result = await runProbe('domain-probe-program', [domain], TIMEOUT_MS, signal);
  const lines = result.lines as readonly ProbeLine[];
  if (lines.length === 0) return [...findings, explainOpening(result, server)];
  findings.push(ok('server', `${server.replace(/,$/, '')} answers`));
  for (const line of lines) {
    if (line.step === 'manager') findings.push(explainManager(line.answer, line.text));
    if (line.step === 'processes') findings.push(describeProcesses(line.processes));
  }
  if (result.failure !== '')
    findings.push(
      failed('probe', result.failure, 'run the command again; the domain may have just ended'),
    );
  return findings;
}
