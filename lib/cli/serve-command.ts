/** Implements `liteipc serve`: runs a domain and its ServiceManager with a policy file. */
import { Command, Option } from 'commander';
import type { DomainProfile } from '../manager/inspect/contract.js';
import { ServiceManager } from '../manager/manager.js';
import { PolicyFileError } from '../policy/file-error.js';
import { profileOption } from './bare-domain.js';
import { domainOption, requiredDomain } from './domain-option.js';
import { ServeReport, counted, problemLines } from './serve-report.js';
import { readSocketMode, socketOptions } from './socket-options.js';
import { notifyReady } from './systemd-notify.js';
import { UsageError } from '../common/usage-error.js';

interface ServeOptions {
  readonly domain?: string;
  readonly policy?: string;
  readonly auditLog?: string;
  readonly profile: DomainProfile;
  readonly socketMode?: number;
  readonly socketGroup?: string;
  readonly check?: true;
  readonly json?: true;
}

/** Reads the policy file and reports all of its problems. */
async function checkPolicy({ policy, json }: ServeOptions): Promise<void> {
  if (policy === undefined) throw new UsageError('serve: --check requires --policy FILE');
  const { PolicyFile } = await import('../policy/file.js');
  const file = new PolicyFile(policy);
  try {
    const { length } = await file.load();
    const result = { file: file.path, good: true, rules: length, problems: [] };
    process.stdout.write(
      `${json ? JSON.stringify(result) : `${file.path}: valid, ${counted(length, 'rule', 'rules')}`}\n`,
    );
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error;
    const { problems, message } = error;
    if (json) {
      const result = { file: file.path, good: false, message, problems };
      process.stdout.write(`${JSON.stringify(result)}\n`);
    } else {
      for (const line of problemLines(error)) process.stderr.write(`${line}\n`);
    }
    process.exitCode = 1;
  }
}

/** Resolves on a signal that asks the process to end. A second signal ends it immediately. */
function untilAskedToEnd(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}

async function reload(manager: ServiceManager, report: ServeReport): Promise<void> {
  try {
    await manager.reloadPolicy();
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error;
    report.refused(error);
  }
}

async function serve(options: ServeOptions): Promise<void> {
  if (options.check) {
    await checkPolicy(options);
    return;
  }
  const { policy, auditLog, profile, json } = options;
  const domain = requiredDomain('serve', options.domain);
  const sockets = await socketOptions('serve', domain, options);
  const report = new ServeReport(json === true);
  const ended = untilAskedToEnd();
  // Until the rules can be reloaded, SIGHUP does nothing; it never ends the program.
  let onHangUp = (): void => undefined;
  process.on('SIGHUP', () => onHangUp());
  const manager = await ServiceManager.start({
    domain,
    profile,
    ...sockets,
    ...(policy === undefined ? {} : { policyFile: policy }),
    ...(auditLog === undefined ? {} : { auditLog }),
  });
  manager.on('policyLoaded', (loaded) => report.loaded(loaded));
  manager.on('policyError', (error) => report.refused(error));
  onHangUp =
    policy === undefined
      ? () => report.note('SIGHUP: there is no policy file to reload')
      : () => void reload(manager, report);
  report.ready(domain, manager.path);
  const failure = await notifyReady();
  if (failure !== undefined) report.note(failure);
  await ended;
  await manager.close();
}

/** Returns the command. */
export function serveCommand(): Command {
  return new Command('serve')
    .summary('start a domain with a ServiceManager')
    .description(
      'Starts a domain with a ServiceManager. A policy file states who may call and who may serve each service. ' +
        'Prints one line when the domain is ready. Ends on SIGINT or SIGTERM.',
    )
    .addOption(domainOption())
    .option(
      '--policy <file>',
      'file with rules, JSON with comments; reloaded when it changes and on SIGHUP',
    )
    .option('--audit-log <file>', 'append every decision to this file, one line of JSON each')
    .addOption(profileOption())
    .addOption(
      new Option(
        '--socket-mode <octal>',
        'mode of the socket of a domain with an absolute path (default: 600, or 660 with --socket-group)',
      ).argParser(readSocketMode),
    )
    .option('--socket-group <group>', 'name or ID of the group whose members may connect')
    .option('--check', 'check the policy file and exit')
    .option('--json', 'print one line of JSON for each event')
    .addHelpText(
      'after',
      `
Without --policy every service admits only the user that runs the domain.
"liteipc domain" starts a domain without a ServiceManager, for C programs that
bring their own.

Exit status: 0 ended by a signal, or a good policy; 1 failed, or a bad policy; 2
wrong usage.

Examples:
  $ npx liteipc serve --domain shop --policy shop.jsonc
  $ npx liteipc serve --policy shop.jsonc --check
  $ npx liteipc serve --domain /run/liteipc/shop/domain.sock --socket-group shop --policy shop.jsonc`,
    )
    .action(serve);
}
