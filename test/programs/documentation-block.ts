/**
 * Runs one code block of the documentation to its end: node documentation-block.js BLOCK.js
 * [FIXTURE.js]. Then the fixture's function `after`, if there is one, checks the result.
 */
import { pathToFileURL } from 'node:url';

const [block, fixture] = process.argv.slice(2);
if (block === undefined) throw new Error('Usage: documentation-block.js BLOCK.js [FIXTURE.js]');
await import(pathToFileURL(block).href);
if (fixture !== undefined) {
  const { after } = (await import(pathToFileURL(fixture).href)) as { after?: () => Promise<void> };
  await after?.();
}
// Open devices of the block would otherwise prevent the exit.
process.exit(0);
