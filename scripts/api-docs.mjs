// npm run docs:api: the reference of the package's API in out/api, made from its docstrings. Fails
// if a link leads nowhere, or something that is exported has no docstring.
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
