// npm run docs:api: builds the API reference from the doc comments, in out/api. Fails on a broken
// link and on an export without a doc comment.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { main, packageBin, root, runNode } from './support/run.mjs';

export const apiDocsCommand = [packageBin('typedoc', 'bin/typedoc'), '--logLevel', 'Warn'];

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(() => {
    runNode(apiDocsCommand);
    console.log(`API reference: ${join(root, 'out/api/index.html')}`);
  });
}
