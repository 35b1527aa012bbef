// Generates the JSON Schema of policy files from lib/policy/schema.ts:
//   node scripts/policy-schema.mjs                 writes policy.schema.json
//   node scripts/policy-schema.mjs --check [FILE]  fails if the file is out of date
// The library must be built first: node scripts/build.mjs lib
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import prettier from 'prettier';
import { policyJsonSchema } from '../dist/policy/schema.js';
import { Problem, main, root } from './support/run.mjs';

const SCHEMA = 'policy.schema.json';

await main(async () => {
  const [mode, file, ...rest] = process.argv.slice(2);
  if (rest.length > 0 || (mode !== undefined && mode !== '--check')) {
    throw new Problem('Usage: node scripts/policy-schema.mjs [--check [FILE]]');
  }
  const path = file ?? join(root, SCHEMA);
  const config = await prettier.resolveConfig(join(root, SCHEMA));
  const text = await prettier.format(JSON.stringify(policyJsonSchema()), {
    ...config,
    filepath: SCHEMA,
  });
  if (mode === undefined) writeFileSync(path, text);
  else if (readFileSync(path, 'utf8') !== text) {
    throw new Problem(`${file ?? SCHEMA} is out of date: run node scripts/policy-schema.mjs`);
  }
});
