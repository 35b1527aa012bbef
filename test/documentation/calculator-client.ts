/** A client of the calculator of README.md. */
import { defineService, method } from 'liteipc';
import { openShop } from './support.js';

const Calculator = defineService('calculator', { add: method<[number, number], number>() });
const device = await openShop();
await device.expose(Calculator, { add: ([a, b]) => a + b });

export const calculator = await device.service(Calculator);
export const signal: AbortSignal = AbortSignal.timeout(60_000);
