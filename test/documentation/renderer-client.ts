/** A client of a renderer. */
import { Renderer } from './renderer-contract.js';
import { openShop } from './support.js';

const device = await openShop();
await device.expose(Renderer, { render: () => undefined });

export const renderer = await device.service(Renderer);
export const scene = { parts: ['house', 'tree'] };
