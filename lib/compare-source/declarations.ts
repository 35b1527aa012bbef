/**
 * Reads the declarations of a C text: types with their fields, enumerations, functions and their
 * error codes.
 */
import { errorCodes, type ErrorCode } from './error-codes.js';
import type { MacroTable } from './macros.js';
import type { Finding, Place, SourceText } from './place.js';
import { walk, withSyntax, type Node } from './syntax.js';

/** A type as the text writes it. Names are resolved when a layout is computed. */
export type TypeReference =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'record'; readonly record: RecordDeclaration }
  | { readonly kind: 'enumeration'; readonly enumeration: EnumerationDeclaration }
  | { readonly kind: 'pointer' }
  | { readonly kind: 'function' }
  | { readonly kind: 'array'; readonly element: TypeReference; readonly length: string };

export interface FieldDeclaration {
  /** `undefined` for an anonymous structure or union, and for padding bits. */
  readonly name: string | undefined;
  readonly type: TypeReference;
  /** Width of a bit-field, as an expression. */
  readonly bits: string | undefined;
  readonly place: Place;
}

export interface RecordDeclaration {
  readonly kind: 'struct' | 'union';
  readonly fields: readonly FieldDeclaration[];
  readonly isPacked: boolean;
  readonly place: Place;
}

export interface EnumeratorDeclaration {
  readonly name: string;
  /** An expression. `undefined` means one more than the previous enumerator. */
  readonly value: string | undefined;
  readonly place: Place;
}

export interface EnumerationDeclaration {
  readonly enumerators: readonly EnumeratorDeclaration[];
  readonly place: Place;
}

export interface FunctionDeclaration {
  readonly name: string;
  readonly place: Place;
  /** `none`: declaration only. `empty`: nothing between the braces. */
  readonly body: 'none' | 'empty' | 'full';
  readonly codes: readonly ErrorCode[];
}

export interface Declarations {
  /** Types by name. A tag is written `struct Name`. */
  readonly types: Map<string, TypeReference>;
  readonly functions: Map<string, FunctionDeclaration>;
  readonly findings: Finding[];
}

const KEYWORDS = new Set('if else for while do switch return sizeof case'.split(' '));

/** Upper bound for the fields of a structure; no structure of a driver comes near it. */
const FIELDS_MAX = 500;
const DECLARATOR_DEPTH_MAX = 64;

/** Reads a declarator: its name, and the arrays, pointers and functions that it nests in. */
function readDeclarator(
  declarator: Node,
  base: TypeReference,
): { name: string | undefined; type: TypeReference } {
  let node: Node | null = declarator;
  let type = base;
  for (let depth = 0; node !== null && depth < DECLARATOR_DEPTH_MAX; depth += 1) {
    const inner = node.childForFieldName('declarator');
    switch (node.type) {
      case 'identifier':
      case 'field_identifier':
      case 'type_identifier':
      case 'primitive_type':
        return { name: node.text, type };
      case 'pointer_declarator':
      case 'abstract_pointer_declarator':
        type = { kind: 'pointer' };
        break;
      case 'function_declarator':
      case 'abstract_function_declarator':
        type = { kind: 'function' };
        break;
      case 'array_declarator':
      case 'abstract_array_declarator': {
        const length: string = node.childForFieldName('size')?.text ?? '0';
        type = { kind: 'array', element: type, length };
        break;
      }
    }
    node = inner ?? node.namedChildren.find((child) => child.type.includes('declarator')) ?? null;
  }
  return { name: undefined, type };
}

function isPacked(node: Node): boolean {
  return node.children.some(
    (child) => child.type.startsWith('attribute') && /\bpacked\b|__packed__/.test(child.text),
  );
}

class Reader {
  readonly types = new Map<string, TypeReference>();
  readonly functions = new Map<string, FunctionDeclaration>();
  readonly findings: Finding[] = [];

  constructor(
    private readonly source: SourceText,
    private readonly macros: MacroTable,
  ) {}

  read(root: Node): void {
    walk(root, (node) => {
      switch (node.type) {
        case 'type_definition':
          this.#typeDefinition(node);
          return false;
        case 'struct_specifier':
        case 'union_specifier':
        case 'enum_specifier':
          // A tag outside of a typedef.
          this.#type(node);
          return false;
        case 'function_definition':
          this.#function(node);
          return true;
        case 'declaration':
          this.#declaration(node);
          return true;
        default:
          return true;
      }
    });
  }

  #place(node: Node): Place {
    return this.source.placeAt(node.startIndex);
  }

  /** Returns the type that a specifier names or declares. */
  #type(node: Node | null): TypeReference {
    if (node === null) return { kind: 'name', name: 'int' };
    const body = node.childForFieldName('body');
    const tag = node.childForFieldName('name')?.text;
    if (node.type === 'struct_specifier' || node.type === 'union_specifier') {
      const kind = node.type === 'struct_specifier' ? 'struct' : 'union';
      if (body === null) return { kind: 'name', name: `${kind} ${tag ?? ''}` };
      const place = this.#place(node);
      const isPackedRecord = isPacked(node) || (node.parent !== null && isPacked(node.parent));
      const record = { kind, fields: this.#fields(body), isPacked: isPackedRecord, place } as const;
      return this.#withTag(`${kind} ${tag ?? ''}`, tag, { kind: 'record', record });
    }
    if (node.type === 'enum_specifier') {
      if (body === null) return { kind: 'name', name: `enum ${tag ?? ''}` };
      const enumeration = { enumerators: this.#enumerators(body), place: this.#place(node) };
      return this.#withTag(`enum ${tag ?? ''}`, tag, { kind: 'enumeration', enumeration });
    }
    return { kind: 'name', name: normalizeTypeName(node.text) };
  }

  #withTag(name: string, tag: string | undefined, type: TypeReference): TypeReference {
    if (tag !== undefined) this.types.set(name, type);
    return type;
  }

  #enumerators(body: Node): EnumeratorDeclaration[] {
    return body.namedChildren
      .filter(({ type }) => type === 'enumerator')
      .map((node) => ({
        name: node.childForFieldName('name')?.text ?? '',
        value: node.childForFieldName('value')?.text,
        place: this.#place(node),
      }));
  }

  #fields(body: Node): FieldDeclaration[] {
    const fields: FieldDeclaration[] = [];
    for (const node of body.namedChildren) {
      if (node.type !== 'field_declaration') continue;
      if (fields.length >= FIELDS_MAX) {
        const message = `more than ${FIELDS_MAX} fields; the others are not looked at`;
        this.findings.push({ place: this.#place(node), message });
        break;
      }
      const base = this.#type(node.childForFieldName('type'));
      const bits = node.namedChildren
        .find(({ type }) => type === 'bitfield_clause')
        ?.text.replace(/^:/, '');
      const declarators = node.childrenForFieldName('declarator');
      const place = this.#place(node);
      if (declarators.length === 0) fields.push({ name: undefined, type: base, bits, place });
      for (const declarator of declarators) {
        const { name, type } = readDeclarator(declarator, base);
        fields.push({ name, type, bits, place: this.#place(declarator) });
      }
      if (/\b_Alignas\b|\baligned\b/.test(node.text)) {
        this.findings.push({ place, message: 'the alignment of this field is not understood' });
      }
    }
    return fields;
  }

  #typeDefinition(node: Node): void {
    const base = this.#type(node.childForFieldName('type'));
    for (const declarator of node.childrenForFieldName('declarator')) {
      const { name, type } = readDeclarator(declarator, base);
      if (name !== undefined) this.types.set(name, type);
    }
  }

  #function(node: Node): void {
    const declarator = node.childForFieldName('declarator');
    const body = node.childForFieldName('body');
    if (declarator === null || body === null) return;
    const { name } = readDeclarator(declarator, { kind: 'function' });
    if (name === undefined || KEYWORDS.has(name)) return;
    this.functions.set(name, {
      name,
      place: this.#place(declarator),
      body: body.namedChildCount === 0 ? 'empty' : 'full',
      codes: errorCodes(body, this.macros, (at) => this.source.placeAt(at)),
    });
  }

  #declaration(node: Node): void {
    for (const declarator of node.childrenForFieldName('declarator')) {
      const { name, type } = readDeclarator(declarator, { kind: 'name', name: 'int' });
      if (name === undefined || type.kind !== 'function') continue;
      if (KEYWORDS.has(name) || this.functions.has(name)) continue;
      const place = this.#place(declarator);
      this.functions.set(name, { name, place, body: 'none', codes: [] });
    }
  }
}

/** Returns one spelling for each integer type of C: `long unsigned` becomes `unsigned long`. */
export function normalizeTypeName(text: string): string {
  const words = text.split(/\s+/).filter((word) => word !== '' && word !== 'const');
  const isInteger = words.every((word) => /^(?:signed|unsigned|char|short|int|long)$/.test(word));
  if (!isInteger) return words.join(' ');
  const longs = words.filter((word) => word === 'long').length;
  const has = (word: string): boolean => words.includes(word);
  const base = has('char') ? 'char' : has('short') ? 'short' : longs > 0 ? 'long' : 'int';
  const sign = has('unsigned') ? 'unsigned ' : base === 'char' && has('signed') ? 'signed ' : '';
  return `${sign}${longs > 1 ? 'long ' : ''}${base}`;
}

/** Reads a text whose conditions and annotations were removed. Its places refer to `source`. */
export async function readDeclarations(
  text: string,
  source: SourceText,
  macros: MacroTable,
): Promise<Declarations> {
  const reader = new Reader(source, macros);
  const { findings } = await withSyntax(text, source, (root) => reader.read(root));
  const { types, functions } = reader;
  return { types, functions, findings: [...findings, ...reader.findings] };
}
