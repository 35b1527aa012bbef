/** Implements `liteipc domain`: runs a domain for programs in several terminals. */
import { Command } from 'commander';
import type { DomainProfile } from '../manager/inspect/contract.js';
import { checkedDomainName, profileOption, startBareDomain } from './bare-domain.js';

interface DomainOptions {
  readonly name: string;
  readonly profile: DomainProfile;
}

/** Resolves when a signal asks the process to end. */
function untilAskedToEnd(): Promise<void> {
  return new Promise((resolve) => {
    // Signal handlers alone do not keep Node running.
    const alive = setInterval(() => undefined, 0x7fff_ffff);
    const end = (): void => {
      clearInterval(alive);
      resolve();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  });
}

async function runDomain({ name, profile }: DomainOptions): Promise<void> {
  const domain = startBareDomain(checkedDomainName(name), profile);
  const ended = untilAskedToEnd();
  process.stdout.write(`${domain.path}\n`);
  await ended;
  domain.stop();
}

/** Returns the command. */
export function domainCommand(): Command {
  return new Command('domain')
    .summary('start a domain without a ServiceManager')
    .description(
      'Starts a domain without a ServiceManager. Prints the path of its socket when it is ready. Ends on ' +
        'SIGINT or SIGTERM.',
    )
    .option('--name <name>', 'name of the domain, or the absolute path of its socket', 'default')
    .addOption(profileOption())
    .addHelpText(
      'after',
      `
"liteipc serve" starts a domain with a ServiceManager, which services and
clients in Node require.

Exit status: 0 ended by a signal, 1 failed, 2 wrong usage.

Example:
  $ npx liteipc domain --name board --profile liteos-a`,
    )
    .action(runDomain);
}
