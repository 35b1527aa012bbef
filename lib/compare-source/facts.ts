/** Collects the facts that one or more texts state under one ABI and one kernel configuration. */
import { baseMacros, type Abi } from './abi.js';
import { blankAnnotations } from './annotations.js';
import {
  normalizeTypeName,
  readDeclarations,
  type Declarations,
  type FunctionDeclaration,
  type TypeReference,
} from './declarations.js';
import { evaluateConstant, evaluateInteger, type ConstantValue } from './expression.js';
import { isIoctl, IOCTL_MACROS, readIoctl, type IoctlCommand } from './ioctl.js';
import { LayoutEngine, LayoutProblem, type RecordLayout } from './layout.js';
import { tokenize, type Token } from './lexer.js';
import { Unevaluable, defineMacro, expandMacros, type MacroTable } from './macros.js';
import type { Finding, Place, SourceText } from './place.js';
import { preprocess } from './preprocess.js';

/** A choice of the ABI and of the kernel's configuration. */
export interface Variant {
  readonly abi: Abi;
  /** `LOSCFG_…` names that are enabled. */
  readonly switches: readonly string[];
  /** Macros whose value differs from the text. */
  readonly overrides?: Readonly<Record<string, string>>;
}

/** A value, or the reason why it cannot be computed. */
export type Computed<T> = { readonly value: T } | { readonly problem: string };

export interface ConstantFact {
  readonly computed: Computed<ConstantValue>;
  /** The value as the text writes it, if it is a single word. */
  readonly spelling: string | undefined;
  readonly place: Place;
}

export interface EnumeratorFact {
  readonly enumeration: string;
  readonly value: Computed<bigint>;
  readonly place: Place;
}

export interface IoctlFact {
  readonly command: Computed<IoctlCommand>;
  readonly place: Place;
}

export interface RecordFact {
  readonly layout: Computed<RecordLayout>;
  /** Names of fields in textual order. They are known even if the layout is not. */
  readonly names: readonly string[];
  readonly place: Place;
}

export interface Facts {
  readonly constants: ReadonlyMap<string, ConstantFact>;
  readonly enumerators: ReadonlyMap<string, EnumeratorFact>;
  readonly ioctls: ReadonlyMap<string, IoctlFact>;
  readonly records: ReadonlyMap<string, RecordFact>;
  readonly functions: ReadonlyMap<string, FunctionDeclaration>;
  readonly findings: readonly Finding[];
  /** `LOSCFG_…` names that the texts refer to. */
  readonly switches: ReadonlySet<string>;
}

/** Syntax depends only on the text, so variants share parsed texts. */
export type SyntaxCache = Map<string, Promise<Declarations>>;

class Reader {
  readonly #types = new Map<string, TypeReference>();
  readonly #enumerators = new Map<string, EnumeratorFact>();
  readonly #functions = new Map<string, FunctionDeclaration>();
  readonly #engine: LayoutEngine;

  constructor(
    private readonly abi: Abi,
    private readonly macros: MacroTable,
  ) {
    this.#engine = new LayoutEngine({
      abi,
      typeOf: (name) => this.#typeOf(name),
      integer: (expression) => this.#integerOf(expression),
    });
  }

  add(declarations: Declarations): void {
    for (const [name, type] of declarations.types) {
      this.#types.set(name, type);
      this.#addEnumerators(name, type, 0);
    }
    for (const [name, declared] of declarations.functions) {
      const known = this.#functions.get(name);
      if (known === undefined || known.body === 'none' || declared.body === 'full') {
        this.#functions.set(name, declared);
      }
    }
  }

  facts(findings: readonly Finding[], switches: ReadonlySet<string>): Facts {
    const constants = new Map<string, ConstantFact>();
    const ioctls = new Map<string, IoctlFact>();
    for (const { name, parameters, body, place } of this.macros.values()) {
      if (place === undefined || parameters !== undefined || body.length === 0) continue;
      if (isIoctl(body)) ioctls.set(name, { command: this.#ioctl(body), place });
      else {
        const spelling = body.length === 1 ? body[0]?.text : undefined;
        constants.set(name, { computed: this.#constant(body), spelling, place });
      }
    }
    const records = new Map<string, RecordFact>();
    const isTag = (name: string): boolean => name.includes(' ');
    const named = new Set(
      [...this.#types].filter(([name]) => !isTag(name)).map(([, type]) => type),
    );
    for (const [name, type] of this.#types) {
      // A structure with a name of its own is not reported again by its tag.
      if (type.kind !== 'record' || (isTag(name) && named.has(type))) continue;
      const names = type.record.fields.flatMap((field) => field.name ?? []);
      const { place } = type.record;
      records.set(name, { layout: this.#layout(type), names, place });
    }
    const enumerators = this.#enumerators;
    return {
      constants,
      enumerators,
      ioctls,
      records,
      functions: this.#functions,
      findings,
      switches,
    };
  }

  #addEnumerators(owner: string, type: TypeReference, depth: number): void {
    if (depth > 16) return;
    if (type.kind === 'record') {
      for (const field of type.record.fields) this.#addEnumerators(owner, field.type, depth + 1);
    }
    if (type.kind !== 'enumeration') return;
    let next: Computed<bigint> = { value: 0n };
    for (const { name, value: expression, place } of type.enumeration.enumerators) {
      let value: Computed<bigint> = next;
      if (expression !== undefined) {
        value = compute(() => this.#integer(this.#expand(tokenize(expression))));
      }
      this.#enumerators.set(name, { enumeration: owner, value, place });
      next = 'value' in value ? { value: value.value + 1n } : value;
    }
  }

  #expand(tokens: readonly Token[]): Token[] {
    return expandMacros(tokens, this.macros, (name) => IOCTL_MACROS.has(name));
  }

  #integer(tokens: readonly Token[]): bigint {
    return evaluateInteger(tokens, this.#scope()).value;
  }

  #integerOf(expression: string): number {
    try {
      return Number(this.#integer(this.#expand(tokenize(expression))));
    } catch (error) {
      if (error instanceof Unevaluable) throw new LayoutProblem(error.message);
      throw error;
    }
  }

  #scope() {
    return {
      abi: this.abi,
      valueOf: (name: string): bigint | undefined => {
        const found = this.#enumerators.get(name)?.value;
        return found !== undefined && 'value' in found ? found.value : undefined;
      },
      sizeOf: (name: string): number | undefined => {
        try {
          const type = { kind: 'name', name: normalizeTypeName(name) } as const;
          return this.#engine.extent(type).size;
        } catch (error) {
          if (error instanceof LayoutProblem) return undefined;
          throw error;
        }
      },
    };
  }

  #typeOf(name: string): TypeReference | undefined {
    const declared = this.#types.get(name);
    if (declared !== undefined && !(declared.kind === 'name' && declared.name === name)) {
      return declared;
    }
    // Returns the type that a macro expands to.
    const body = this.macros.get(name)?.body;
    if (body === undefined || body.length === 0) return undefined;
    if (body.every(({ kind }) => kind === 'identifier')) {
      const target = normalizeTypeName(body.map(({ text }) => text).join(' '));
      return target === name ? undefined : { kind: 'name', name: target };
    }
    return undefined;
  }

  #constant(body: readonly Token[]): Computed<ConstantValue> {
    return compute(() => evaluateConstant(this.#expand(body), this.#scope()));
  }

  #ioctl(body: readonly Token[]): Computed<IoctlCommand> {
    return compute(() => readIoctl(this.#expand(body), (tokens) => this.#integer(tokens)));
  }

  #layout(type: TypeReference & { kind: 'record' }): Computed<RecordLayout> {
    return compute(() => this.#engine.record(type.record));
  }
}

function compute<T>(evaluate: () => T): Computed<T> {
  try {
    return { value: evaluate() };
  } catch (error) {
    if (error instanceof Unevaluable || error instanceof LayoutProblem) {
      return { problem: error.message };
    }
    throw error;
  }
}

/** Reads the texts in order. A later text sees the definitions of an earlier one. */
export async function readFacts(
  sources: readonly SourceText[],
  variant: Variant,
  cache: SyntaxCache = new Map(),
): Promise<Facts> {
  const { abi, switches: chosen, overrides = {} } = variant;
  const macros: MacroTable = new Map();
  const environment = baseMacros(abi);
  for (const [name, body] of Object.entries(environment)) defineMacro(macros, name, body);
  for (const name of chosen) defineMacro(macros, name, '1');
  const reader = new Reader(abi, macros);
  const found: (readonly Finding[])[] = [];
  const switches = new Set<string>();
  for (const source of sources) {
    const preprocessed = preprocess(source, macros, abi, overrides);
    found.push(preprocessed.findings);
    for (const name of preprocessed.switches) {
      if (!Object.hasOwn(environment, name)) switches.add(name);
    }
    const plain = blankAnnotations(preprocessed.text, macros);
    const key = `${source.file}\0${plain}`;
    let declarations = cache.get(key);
    if (declarations === undefined) {
      declarations = readDeclarations(plain, source, macros);
      cache.set(key, declarations);
    }
    const read = await declarations;
    found.push(read.findings);
    reader.add(read);
  }
  return reader.facts(found.flat(), switches);
}
