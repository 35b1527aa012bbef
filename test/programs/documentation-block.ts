/**
 * Runs one code block of the documentation to its end: node documentation-block.js BLOCK.js
 * [FIXTURE.js] Then the fixture's function `after`, if it exports one, checks what the block has
 * done.
 */
import { pathToFileURL } from 'node:url';

const [block, fixture] = process.argv.slice(2);
if (block === undefined) throw new Error('Usage: documentation-block.js BLOCK.js [FIXTURE.js]');
await import(pathToFileURL(block).href);
if (fixture !== undefined) {
  const { after } = (await import(pathToFileURL(fixture).href)) as { after?: () => Promise<void> };
  await after?.();
}
// What the block has left open would keep the process alive.
process.exit(0);
