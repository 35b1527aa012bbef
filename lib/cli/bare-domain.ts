/** Starts a domain without a ServiceManager, for programs that bring their own. */
import { Option } from 'commander';
import { checkDomainName } from '../common/arguments.js';
import { loadNativeBinding } from '../native/binding.js';
import type { DomainProfile } from '../manager/inspect/contract.js';
import type { NativeDomain } from '../../types/native.js';
import { UsageError } from '../common/usage-error.js';

/** Returns the option `--profile`, which every command that starts a domain has. */
export function profileOption(): Option {
  return new Option('--profile <profile>', 'limits of the domain')
    .choices(['host', 'liteos-a'])
    .default('host');
}

/**
 * Returns the name of a domain from the command line. Throws a {@link UsageError} if it is invalid.
 */
export function checkedDomainName(name: string): string {
  try {
    checkDomainName(name, 'the domain');
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
  return name;
}

/** Starts the domain. It ends with `stop()` or with this process. */
export function startBareDomain(name: string, profile: DomainProfile): NativeDomain {
  try {
    return loadNativeBinding().startDomain({ name, profile: profile === 'host' ? 0 : 1 });
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === 'EADDRINUSE') {
      throw new Error(`a domain named "${name}" is already running`, { cause: error });
    }
    throw new Error(`the domain "${name}" cannot be started: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Throws an `Error` with a remedy if no such domain is running, or this user may not use it. */
export async function checkDomainRuns(name: string): Promise<void> {
  try {
    const device = await loadNativeBinding().openDevice({
      domain: name,
      onEvents: () => undefined,
    });
    await device.close();
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const reasons: Readonly<Record<string, string>> = {
      ENODEV: 'no such domain is running; "liteipc domain" starts one',
      EACCES: 'this user may not use its socket',
    };
    const reason = reasons[String(code)] ?? (error as Error).message;
    throw new Error(`domain "${name}": ${reason}`, { cause: error });
  }
}
