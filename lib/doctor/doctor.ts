/** Checks everything that LiteIPC needs of this machine, and one domain. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { delimiter, join } from 'node:path';
import { findNativeFile } from '../native/binding.js';
import { checkDomains, checkRuntimeDirectory } from './directory-checks.js';
import { checkDomain } from './domain-checks.js';
import { ok, warning, type Finding } from './finding.js';
import * as machine from './machine-checks.js';
import { runtimeDirectory } from './socket-path.js';
import { checkByTrial } from './trial-check.js';

const { version, engines } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string; engines: { node: string } };

/** Tools for building and porting. Using LiteIPC needs none of them. */
const tools = ['cc', 'c++', 'make', 'cmake', 'python3', 'musl-gcc'];

function isInPath(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function checkTools(): Finding {
  const [there, missing] = [tools.filter(isInPath), tools.filter((name) => !isInPath(name))];
  const absent = missing.length === 0 ? '' : `; not found: ${missing.join(', ')}`;
  return ok('tools', `only needed for building and porting: ${there.join(', ')}${absent}`);
}

function checkShim(): Finding {
  const check = 'device shim';
  try {
    return ok(check, findNativeFile('liteipc_preload.so'));
  } catch (error) {
    const text = `"liteipc run" has no shim for C programs: ${(error as Error).message}`;
    return warning(check, text, 'npm rebuild liteipc, or in a checkout npm run build');
  }
}

/** Runs all checks. Takes at most as long as its trials may. Aborting ends the trials. */
export async function examine(
  domain: string | undefined,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const uid = process.geteuid?.() ?? 0;
  const directory = runtimeDirectory(process.env, uid);
  const limits = machine.textOf('/proc/self/limits') ?? '';
  const [trial, domains, ofDomain] = await Promise.all([
    checkByTrial(signal),
    checkDomains(directory),
    domain === undefined ? [] : checkDomain(domain, directory, signal),
  ]);
  return [
    ok('liteipc', version),
    machine.checkNode(process.versions.node, engines.node),
    machine.checkPlatform(process.platform, process.arch),
    machine.checkKernel(release()),
    machine.checkProc(),
    machine.checkUser(uid, process.getegid?.() ?? 0, machine.textOf('/proc/self/uid_map') ?? ''),
    machine.checkDescriptors(limits),
    machine.checkMemory(machine.memoryFacts()),
    ...trial,
    checkShim(),
    checkTools(),
    checkRuntimeDirectory(directory, uid),
    domains,
    ...ofDomain,
  ];
}
