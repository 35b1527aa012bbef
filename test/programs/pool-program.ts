/** A program with a pool that ends by itself after the pool is disposed. */
import { ServiceManager, exposeInWorkers, openDevice } from 'liteipc';
import { Cruncher } from './pool-module.js';

const manager = await ServiceManager.start({ domain: `pool-${process.pid}` });
const { domain } = manager;
const module = new URL('./pool-module.js', import.meta.url);
const pool = await exposeInWorkers(Cruncher, module, 1, { domain });
const device = await openDevice({ domain });
const cruncher = await device.service(Cruncher);
console.log(`computed in worker ${await cruncher.crunch(10)}`);
await pool.dispose();
await device.close();
await manager.close();
