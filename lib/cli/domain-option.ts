/** Reads `--domain` or LITEIPC_DOMAIN. */
import { Option } from 'commander';
import { checkedDomainName } from './bare-domain.js';
import { UsageError } from '../common/usage-error.js';

/** Returns the option `--domain`, which every command about one domain has. */
export function domainOption(): Option {
  return new Option(
    '--domain <name>',
    'name of the domain, or the absolute path of its socket (or LITEIPC_DOMAIN in the environment)',
  );
}

/**
 * Returns the domain that the command line or the environment names. An empty variable names none.
 */
export function givenDomain(domain: string | undefined): string | undefined {
  const environment = process.env['LITEIPC_DOMAIN'];
  const name = domain ?? (environment === '' ? undefined : environment);
  return name === undefined ? undefined : checkedDomainName(name);
}

/** Returns the domain for a command that requires one. Throws a {@link UsageError} without one. */
export function requiredDomain(command: string, domain: string | undefined): string {
  const name = givenDomain(domain);
  if (name !== undefined) return name;
  throw new UsageError(
    `${command}: no domain is given: use --domain NAME, or set LITEIPC_DOMAIN in the environment`,
  );
}
