/** Starts a domain for one test in this process: a manager and devices. */
import type { ExecutionContext } from 'ava';
import {
  ServiceManager,
  openDevice,
  type Device,
  type DeviceOptions,
  type ServiceManagerOptions,
} from 'liteipc';

let domains = 0;

/** A domain that ends with its test. */
export interface TestDomain {
  readonly name: string;
  readonly manager: ServiceManager;
  /** Opens a device that the end of the test closes. */
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
