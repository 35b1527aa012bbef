/** Shared by the fixtures of the documentation's code blocks. */
import { ServiceManager, openDevice, type Device } from 'liteipc';

/** Starts a domain that ends with the process. */
export async function startShop(): Promise<ServiceManager> {
  return ServiceManager.start({ domain: 'shop' });
}

/** Starts a domain and opens a device in it; both end with the process. */
export async function openShop(): Promise<Device> {
  await startShop();
  return openDevice({ domain: 'shop' });
}

/** Throws unless the condition holds. */
export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`not so: ${what}`);
}
