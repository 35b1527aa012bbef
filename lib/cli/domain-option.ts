/** `--domain` or LITEIPC_DOMAIN: which domain a command is about. */
import { Option } from 'commander';
import { checkedDomainName } from './bare-domain.js';
import { UsageError } from '../common/usage-error.js';

/** `--domain`, the same for every command about one domain. */
export function domainOption(): Option {
  return new Option(
    '--domain <name>',
    'name of the domain, or the absolute path of its socket (or LITEIPC_DOMAIN in the environment)',
  );
}

/** The domain that the command line or else the environment names; an empty variable names none. */
export function givenDomain(domain: string | undefined): string | undefined {
  const environment = process.env['LITEIPC_DOMAIN'];
  const name = domain ?? (environment === '' ? undefined : environment);
  return name === undefined ? undefined : checkedDomainName(name);
}

/** The same for a command that cannot do without. */
export function requiredDomain(command: string, domain: string | undefined): string {
  const name = givenDomain(domain);
  if (name !== undefined) return name;
  throw new UsageError(
    `${command}: which domain? Say --domain NAME, or set LITEIPC_DOMAIN in the environment`,
  );
}
