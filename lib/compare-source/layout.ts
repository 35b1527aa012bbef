/** Computes sizes and offsets as a C compiler does. */
import { BASE_POINTER_PAIRS, integerType, type Abi } from './abi.js';
import type { FieldDeclaration, RecordDeclaration, TypeReference } from './declarations.js';

/** A type whose layout cannot be computed. The message states the reason. */
export class LayoutProblem extends Error {
  override name = 'LayoutProblem';
}

/** Size limit; a larger object is a mistake in the text. */
const SIZE_MAX = 2 ** 31;
const DEPTH_MAX = 64;

export interface Extent {
  readonly size: number;
  readonly alignment: number;
}

/** The kind of value that a field holds. Its size is a separate field. */
export type FieldKind = 'signed' | 'unsigned' | 'pointer' | 'array' | 'record' | 'enumeration';

export interface FieldLayout {
  readonly name: string;
  /** Bytes from the start of the structure. */
  readonly offset: number;
  /** Size in bytes. */
  readonly size: number;
  /** Position of a bit-field: its first bit in the structure and its width. */
  readonly bits: { readonly first: number; readonly width: number } | undefined;
  readonly kind: FieldKind;
  readonly declaration: FieldDeclaration;
}

export interface RecordLayout extends Extent {
  /** Fields in textual order. Fields of an anonymous member appear at its position. */
  readonly fields: readonly FieldLayout[];
}

/** The definitions that a layout depends on. */
export interface LayoutScope {
  readonly abi: Abi;
  typeOf(name: string): TypeReference | undefined;
  /** Returns the value of an expression. Throws if it has none. */
  integer(expression: string): number;
}

const roundUp = (value: number, alignment: number): number =>
  Math.ceil(value / alignment) * alignment;

/** Computes the layout of types of one text for one ABI. */
export class LayoutEngine {
  #depth = 0;

  constructor(private readonly scope: LayoutScope) {}

  /** Returns the size and alignment of a type. Throws {@link LayoutProblem}. */
  extent(type: TypeReference): Extent {
    if (this.#depth === DEPTH_MAX) {
      throw new LayoutProblem('it contains itself, or is nested too deeply');
    }
    this.#depth += 1;
    let extent: Extent;
    try {
      extent = this.#extent(type);
    } finally {
      this.#depth -= 1;
    }
    if (!Number.isSafeInteger(extent.size) || extent.size > SIZE_MAX) {
      throw new LayoutProblem(`it has ${extent.size} bytes`);
    }
    return extent;
  }

  #extent(type: TypeReference): Extent {
    const { word } = this.scope.abi;
    switch (type.kind) {
      case 'pointer':
        return { size: word, alignment: word };
      case 'enumeration':
        return { size: 4, alignment: 4 };
      case 'record':
        return this.record(type.record);
      case 'function':
        throw new LayoutProblem('it is a function');
      case 'array': {
        const element = this.extent(type.element);
        const length = this.scope.integer(type.length);
        if (length < 0) throw new LayoutProblem(`an array of ${length} elements`);
        return { size: element.size * length, alignment: element.alignment };
      }
      case 'name':
        return this.#named(type.name);
    }
  }

  #named(name: string): Extent {
    const declared = this.scope.typeOf(name);
    if (declared !== undefined) return this.extent(declared);
    const { abi } = this.scope;
    const integer = integerType(name, abi);
    if (integer !== undefined) return { size: integer.size, alignment: integer.size };
    if (BASE_POINTER_PAIRS.has(name)) return { size: 2 * abi.word, alignment: abi.word };
    if (name === 'float' || name === 'FLOAT') return { size: 4, alignment: 4 };
    if (name === 'double' || name === 'DOUBLE') return { size: 8, alignment: 8 };
    throw new LayoutProblem(`the type ${name} is not known`);
  }

  /** Resolves a type's names and returns its kind. */
  kind(type: TypeReference, depth = 0): FieldKind {
    if (type.kind === 'function') return 'pointer';
    if (type.kind !== 'name') return type.kind;
    const declared = this.scope.typeOf(type.name);
    if (declared !== undefined && depth < DEPTH_MAX) return this.kind(declared, depth + 1);
    const integer = integerType(type.name, this.scope.abi);
    if (integer === undefined) return 'record';
    return integer.isSigned ? 'signed' : 'unsigned';
  }

  /** Returns the layout of a structure or union. Throws {@link LayoutProblem}. */
  record(record: RecordDeclaration): RecordLayout {
    const fields: FieldLayout[] = [];
    let endBit = 0;
    let size = 0;
    let alignment = 1;
    for (const field of record.fields) {
      const extent = this.#fieldExtent(field);
      const fieldAlignment = record.isPacked ? 1 : extent.alignment;
      const start = record.kind === 'union' ? 0 : endBit;
      let end: number;
      if (field.bits === undefined) {
        const offset = roundUp(Math.ceil(start / 8), fieldAlignment);
        fields.push(...this.#place(field, offset, extent));
        end = (offset + extent.size) * 8;
      } else {
        const width = this.scope.integer(field.bits);
        const unit = extent.size * 8;
        if (width < 0 || width > unit) throw new LayoutProblem(`a bit-field of ${width} bits`);
        const crosses = !record.isPacked && (start % unit) + width > unit;
        const first = crosses || width === 0 ? roundUp(start, unit) : start;
        if (field.name !== undefined) {
          const bits = { first, width };
          const kind = this.kind(field.type);
          const place = { offset: Math.floor(first / 8), size: extent.size };
          fields.push({ name: field.name, ...place, bits, kind, declaration: field });
        }
        end = first + width;
      }
      if (field.bits === undefined || field.name !== undefined) {
        alignment = Math.max(alignment, fieldAlignment);
      }
      endBit = end;
      size = Math.max(size, Math.ceil(end / 8));
    }
    return { size: roundUp(size, alignment), alignment, fields };
  }

  #fieldExtent(field: FieldDeclaration): Extent {
    try {
      return this.extent(field.type);
    } catch (error) {
      if (!(error instanceof LayoutProblem)) throw error;
      throw new LayoutProblem(`field ${field.name ?? '(without a name)'}: ${error.message}`);
    }
  }

  /** Returns a field, or the fields of an anonymous member. */
  #place(field: FieldDeclaration, offset: number, extent: Extent): FieldLayout[] {
    const kind = this.kind(field.type);
    if (field.name !== undefined) {
      const { size } = extent;
      return [{ name: field.name, offset, size, bits: undefined, kind, declaration: field }];
    }
    if (field.type.kind !== 'record') return [];
    return this.record(field.type.record).fields.map((inner) => ({
      ...inner,
      offset: inner.offset + offset,
      bits: inner.bits && { ...inner.bits, first: inner.bits.first + offset * 8 },
    }));
  }
}
