/** A worker thread that opens a device and calls until it ends in the requested way. */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NativeDescriptor } from '../../types/native.js';
import { RawDevice, makeWorld } from '../support/raw-device.js';

export interface WorkerOrder {
  readonly domain: string;
  readonly mode:
    'call' | 'echo' | 'world' | 'busy' | 'exit' | 'open' | 'close' | 'one-by-one' | 'descriptors';
}

const { domain, mode } = workerData as WorkerOrder;
const port = parentPort;
if (port === null) throw new Error('this is a worker');

/** Opens a device, reports it, and waits for the handle to call. */
async function openWithHandle(): Promise<{ device: RawDevice; handle: number }> {
  const device = await RawDevice.open(domain);
  const answer = once(port as NonNullable<typeof port>, 'message');
  port?.postMessage(device.native.callTaskId);
  const [handle] = (await answer) as [number];
  return { device, handle };
}

function keepCalling(device: RawDevice, handle: number): void {
  for (let index = 0; index < 16; index++) {
    void (async () => {
      while (!device.lost) await device.call(handle, new Uint8Array(index * 1500));
    })();
  }
}

switch (mode) {
  case 'call': {
    const { device, handle } = await openWithHandle();
    keepCalling(device, handle);
    break;
  }
  case 'echo': {
    const { device, handle } = await openWithHandle();
    const answer = await device.call(handle, Uint8Array.of(1, 2, 3));
    await device.close();
    port.postMessage([...answer.data]);
    break;
  }
  case 'one-by-one': {
    // Each reply ends a sleep of one of the two loops: a lost wake-up stops the test.
    const { device, handle } = await openWithHandle();
    device.native.setSpin(0);
    for (let index = 0; index < 20_000; index++) {
      const { status } = await device.call(handle, new Uint8Array(16));
      if (status !== 0) throw new Error(`call ${index}: ${status}`);
      if (index % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (index % 512 === 0) await sleep(1);
    }
    port.postMessage(device.native.counters()['received']);
    await device.close();
    port.close();
    break;
  }
  case 'world': {
    const world = await makeWorld(domain);
    port.postMessage(0);
    keepCalling(world.client, world.handle);
    break;
  }
  case 'busy': {
    const { device, handle } = await openWithHandle();
    device.onAny = () => {
      port.postMessage('busy');
      for (;;);
    };
    void device.call(handle, new Uint8Array(1));
    break;
  }
  case 'exit': {
    const { device, handle } = await openWithHandle();
    device.onAny = () => process.exit(0);
    void device.call(handle, new Uint8Array(1));
    break;
  }
  case 'descriptors': {
    // Adopts some descriptors, uses them, and waits to be terminated.
    const adopted: NativeDescriptor[] = [];
    const { device, handle } = await openWithHandle();
    device.onAny = ({ objects }) => {
      for (const { values } of objects.slice(0, 3)) adopted.push(device.native.adopt(values[0]));
    };
    await device.call(handle, new Uint8Array(1));
    port.postMessage(adopted.map(({ fd }) => fd));
    await new Promise(() => adopted);
    break;
  }
  case 'open':
    port.postMessage(0);
    for (;;) await (await RawDevice.open(domain)).close();
  case 'close': {
    const { device } = await openWithHandle();
    void device.close();
    port.close();
    break;
  }
}
