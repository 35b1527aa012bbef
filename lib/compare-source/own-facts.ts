/** Reads the facts of this package from its own C sources. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { baseMacros, LP64 } from './abi.js';
import { evaluateInteger } from './expression.js';
import { readFacts, type Facts, type SyntaxCache, type Variant } from './facts.js';
import {
  CONSTANT_HEADERS,
  DRIVER_CONSTANTS,
  KERNEL_STRUCTURES,
  type DriverConstant,
} from './kernel-facts.js';
import { tokenize } from './lexer.js';
import { defineMacro, expandMacros, type MacroTable } from './macros.js';
import { SourceText } from './place.js';
import { preprocess } from './preprocess.js';
import { NATIVE_FOLDER, readSource } from './sources.js';
import { withSyntax, walk } from './syntax.js';

/** The header that programs are compiled with. */
export const DEVICE_HEADER = 'include/liteipc/hm_liteipc.h';

function native(file: string): SourceText {
  const { text } = readSource(join(NATIVE_FOLDER, file));
  return new SourceText(file, text);
}

export interface OwnFacts {
  /** Returns the facts of the device's header and of the known structures of the kernel. */
  device(variant: Variant): Promise<Facts>;
  /** Returns the files below `native/` that define a function, or `[]`. */
  filesOf(functionName: string): readonly string[];
  /** Returns whether a structure has a field, written `Structure.field`. */
  hasField(file: string, path: string): boolean;
  /** Returns the value of a constant that is not in the header. */
  driverConstant(constant: DriverConstant): bigint | string | undefined;
}

/** Reads the initializer of the profile `liteos-a`. Returns the values by field. */
async function readProfile(file: string): Promise<Map<string, bigint>> {
  const source = native(file);
  const macros: MacroTable = new Map();
  for (const [name, body] of Object.entries(baseMacros(LP64))) defineMacro(macros, name, body);
  const { text } = preprocess(source, macros, LP64);
  const values = new Map<string, bigint>();
  const scope = { abi: LP64, valueOf: () => undefined, sizeOf: () => undefined };
  await withSyntax(text, source, (root) => {
    walk(root, (node) => {
      const designator = node.childForFieldName('designator')?.text;
      if (node.type !== 'initializer_pair' || designator !== '[LITEIPC_PROFILE_LITEOS_A]') {
        return true;
      }
      for (const pair of node.childForFieldName('value')?.namedChildren ?? []) {
        const name = pair.childForFieldName('designator')?.text.replace(/^\./, '');
        const value = pair.childForFieldName('value')?.text;
        if (name === undefined || value === undefined) continue;
        try {
          const tokens = expandMacros(tokenize(value), macros);
          values.set(name, evaluateInteger(tokens, scope).value);
        } catch {
          // A limit that depends on other headers. No constant here needs it.
        }
      }
      return false;
    });
  });
  return values;
}

/** Reads this package's C sources. */
export async function readOwnFacts(): Promise<OwnFacts> {
  const cache: SyntaxCache = new Map();
  const header = native(DEVICE_HEADER);
  const structures = new SourceText('the kernel facts', KERNEL_STRUCTURES);
  const files = readdirSync(NATIVE_FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[ch]$/.test(name))
    .sort();
  const functions = new Map<string, string[]>();
  const fields = new Set<string>();
  const plain: Variant = { abi: LP64, switches: [] };
  for (const file of files) {
    const facts = await readFacts([native(file)], plain, cache);
    for (const { name, body } of facts.functions.values()) {
      if (body !== 'none') functions.set(name, [...(functions.get(name) ?? []), file]);
    }
    for (const [name, { names }] of facts.records) {
      for (const field of names) fields.add(`${file} ${name.replace(/^struct /, '')}.${field}`);
    }
  }
  const constants = (await readFacts(CONSTANT_HEADERS.map(native), plain, cache)).constants;
  const profiles = new Map<string, Map<string, bigint>>();
  for (const { here } of DRIVER_CONSTANTS) {
    if (here?.file.endsWith('.c') === true && !profiles.has(here.file)) {
      profiles.set(here.file, await readProfile(here.file));
    }
  }
  return {
    device: (variant) => readFacts([header, structures], variant, cache),
    filesOf: (name) => functions.get(name) ?? [],
    hasField: (file, path) => fields.has(`${file} ${path}`),
    driverConstant({ value, here }) {
      if (value?.startsWith('"') === true) return value.slice(1, -1);
      if (value !== undefined) return BigInt(value);
      if (here === undefined) return undefined;
      const computed = constants.get(here.name)?.computed;
      const found = profiles.get(here.file)?.get(here.name);
      if (found !== undefined) return found / (here.divisor ?? 1n);
      if (computed === undefined || 'problem' in computed) return undefined;
      return typeof computed.value === 'string' ? computed.value : computed.value.value;
    },
  };
}
