// Checks the imports in lib/ by the rules of .dependency-cruiser.js, and that everything directly
// in lib/ has a row there. The argument is another folder with a lib/:
//   node scripts/imports.mjs FOLDER
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { rows } from '../.dependency-cruiser.js';
import { Problem, main, packageBin, root, runNode } from './support/run.mjs';

await main(() => {
  const folder = resolve(process.argv[2] ?? root);
  const strangers = readdirSync(join(folder, 'lib')).filter((name) => !rows.flat().includes(name));
  if (strangers.length > 0) {
    throw new Problem(`No row in .dependency-cruiser.js: ${strangers.map((n) => `lib/${n}`)}`);
  }
  const config = join(root, '.dependency-cruiser.js');
  runNode(
    [packageBin('dependency-cruiser', 'bin/dependency-cruise.mjs'), '--config', config, 'lib'],
    {
      cwd: folder,
    },
  );
});
