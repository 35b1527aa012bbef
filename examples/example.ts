/** Runs an example by its name, or lists them: npm run example hello */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const folder = import.meta.dirname;
const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, `${name}.js`)));
const [name] = process.argv.slice(2);
if (name !== undefined && names.includes(name)) {
  await import(`./${name}/${name}.js`);
} else {
  console.error(`npm run example NAME, where NAME is one of: ${names.join(', ')}`);
  process.exitCode = 2;
}
