/**
 * A domain for one test, all of it in this process: a manager and as many devices as are opened.
 */
import type { ExecutionContext } from 'ava';
import {
  ServiceManager,
  openDevice,
  type Device,
  type DeviceOptions,
  type ServiceManagerOptions,
} from 'liteipc';

let domains = 0;

/** What {@link startDomain} gives. */
export interface TestDomain {
  readonly name: string;
  readonly manager: ServiceManager;
  /** Opens a device, closed at the end of the test. */
  open(options?: Omit<DeviceOptions, 'domain'>): Promise<Device>;
}

/** Starts a domain that ends with the test. */
export async function startDomain(
  t: ExecutionContext,
  options: Omit<ServiceManagerOptions, 'domain'> = {},
): Promise<TestDomain> {
  domains += 1;
  const name = `test-${process.pid}-${domains}`;
  const manager = await ServiceManager.start({ domain: name, ...options });
  const devices: Device[] = [];
  t.teardown(async () => {
    for (const device of devices) await device.close();
    await manager.close();
  });
  return {
    name,
    manager,
    open: async (deviceOptions = {}) => {
      const device = await openDevice({ domain: name, ...deviceOptions });
      devices.push(device);
      return device;
    },
  };
}
