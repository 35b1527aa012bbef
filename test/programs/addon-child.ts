/**
 * A process that ends in one of several ways while messages are in flight:
 *   node addon-child.js MODE DOMAIN MILLISECONDS
 * It sends its call task to its parent and waits for the handle of the service, except in the modes
 * that need no parent.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { RawDevice, makeWorld } from '../support/raw-device.js';

const [mode = '', domain = '', milliseconds = '0'] = process.argv.slice(2);
const inFlight = 32;

function keepCalling(device: RawDevice, handle: number): void {
  for (let index = 0; index < inFlight; index++) {
    void (async () => {
      while (!device.lost) await device.call(handle, new Uint8Array(index * 700));
    })();
  }
}

async function openWithHandle(): Promise<{ device: RawDevice; handle: number }> {
  const device = await RawDevice.open(domain);
  const answer = once(process, 'message');
  process.send?.(device.native.callTaskId);
  const [handle] = (await answer) as [number];
  return { device, handle };
}

function exitLater(): void {
  setTimeout(() => process.exit(0), Number(milliseconds));
}

switch (mode) {
  case 'exit': {
    exitLater();
    const { device, handle } = await openWithHandle();
    keepCalling(device, handle);
    break;
  }
  case 'exit-in-callback': {
    const { device, handle } = await openWithHandle();
    let events = 0;
    device.onAny = () => {
      events += 1;
      if (events > Number(milliseconds) * 10) process.exit(0);
    };
    keepCalling(device, handle);
    break;
  }
  case 'unref': {
    // Only an unreferenced device remains: the process ends although calls are pending.
    const { device, handle } = await openWithHandle();
    keepCalling(device, handle);
    device.native.unref();
    process.disconnect();
    break;
  }
  case 'throw': {
    const { device, handle } = await openWithHandle();
    device.onAny = () => {
      throw new Error('thrown by onEvents');
    };
    keepCalling(device, handle);
    break;
  }
  case 'exit-with-domain': {
    exitLater();
    const world = await makeWorld(domain);
    keepCalling(world.client, world.handle);
    break;
  }
  case 'forget': {
    // The end of the environment closes the devices before their domain.
    const world = await makeWorld(domain);
    await world.client.call(world.handle, new Uint8Array(100));
    for (const device of [world.client, world.service, world.manager]) device.native.unref();
    break;
  }
  case 'lost': {
    // A device without a domain does not keep the process running.
    const world = await makeWorld(domain);
    world.domain.stop();
    break;
  }
  case 'collect': {
    // Garbage collection ends an unreferenced domain but no open device.
    const { client, handle, devices } = await (async () => {
      const world = await makeWorld(domain);
      const others = [world.service, world.manager];
      const { client, handle } = world;
      return { client, handle, devices: others.map(({ native }) => new WeakRef(native)) };
    })();
    const collect = globalThis.gc;
    if (collect === undefined) throw new Error('start with --expose-gc');
    for (let round = 0; round < 10 && !client.lost; round++) {
      await client.call(handle, new Uint8Array(10));
      collect();
      await sleep(10);
    }
    await client.whenLost();
    const retained = devices.filter((device) => device.deref() !== undefined).length;
    console.log(`lost, ${retained} devices retained`);
    break;
  }
  default:
    throw new Error(`no mode "${mode}"`);
}
