/** A program before it exposes a renderer. */
import type { ImplementationOf } from 'liteipc';
import { Renderer } from './renderer-contract.js';
import { check, openShop } from './support.js';

export { Renderer } from './renderer-contract.js';
export const device = await openShop();

const drawn: string[] = [];
export async function draw(part: string, options: { signal: AbortSignal }): Promise<void> {
  options.signal.throwIfAborted();
  drawn.push(part);
  await Promise.resolve();
}

export const implementation: ImplementationOf<typeof Renderer> = {
  render: async ({ parts }, { signal }) => {
    for (const part of parts) await draw(part, { signal });
  },
};

/** Checks that the renderer that the block has exposed draws its input. */
export async function after(): Promise<void> {
  const renderer = await device.service(Renderer);
  await renderer.render({ parts: ['house', 'tree'] });
  check(drawn.join() === 'house,tree', `${drawn.join()} was drawn`);
}
