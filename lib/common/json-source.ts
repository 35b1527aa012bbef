/**
 * Reads JSON with comments. A complaint about the content has the file, line, column and path. All
 * complaints are collected.
 */
import {
  parseTree,
  printParseErrorCode,
  type Node,
  type ParseError,
  type Segment,
} from 'jsonc-parser';

/** Describes an error in a file. Lines and columns count from 1. */
export interface Complaint {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Path and problem, for example `steps[4].want: "EINVALL" is not a result`. */
  readonly message: string;
}

/** Returns `x.json:12:30: steps[4].want: ...`, the form that editors and terminals recognise. */
export function formatComplaint({ file, line, column, message }: Complaint): string {
  return `${file}:${line}:${column}: ${message}`;
}

/** Returns, for example, `steps[4].out.data[0]`. */
function formatPath(path: readonly Segment[]): string {
  return path
    .map((segment) => (typeof segment === 'number' ? `[${segment}]` : `.${segment}`))
    .join('')
    .replace(/^\./, '');
}

/** Holds a text and the complaints about it. */
export class JsonSource {
  readonly complaints: Complaint[] = [];
  readonly #lineStarts = [0];

  constructor(
    readonly file: string,
    readonly text: string,
  ) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
      this.#lineStarts.push(at + 1);
    }
  }

  /** Returns the root value; undefined after a complaint if the text is not JSON. */
  parse(): JsonValue | undefined {
    const errors: ParseError[] = [];
    // A byte order mark is not part of the document.
    const text = this.text.replace(/^\uFEFF/, ' ');
    const root = parseTree(text, errors, { allowTrailingComma: true });
    const [first] = errors;
    if (first !== undefined) {
      // The errors that the parser reports after the first one are seldom useful.
      const words = printParseErrorCode(first.error)
        .replace(/([a-z])([A-Z])/g, '$1 $2')
        .toLowerCase();
      this.complain(first.offset, `not valid JSON: ${words}`);
      return undefined;
    }
    if (root === undefined) {
      this.complain(0, 'the file is empty');
      return undefined;
    }
    return new JsonValue(this, root, []);
  }

  complain(offset: number, message: string): void {
    const line = this.lineOf(offset);
    const column = offset - (this.#lineStarts[line - 1] ?? 0) + 1;
    // A value may be read more than once.
    const isKnown = this.complaints.some(
      (known) => known.line === line && known.column === column && known.message === message,
    );
    if (!isKnown) this.complaints.push({ file: this.file, line, column, message });
  }

  /** Returns the line of an offset, from 1. */
  lineOf(offset: number): number {
    let low = 0;
    let high = this.#lineStarts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }
}

/** Members of an object by name. */
export type Members = ReadonlyMap<string, JsonValue>;

/**
 * A value in a {@link JsonSource}. Its readers return undefined after a complaint. The code that
 * reads continues, to find further errors.
 */
export class JsonValue {
  constructor(
    readonly source: JsonSource,
    readonly node: Node,
    readonly path: readonly Segment[],
  ) {}

  get line(): number {
    return this.source.lineOf(this.node.offset);
  }

  get isObject(): boolean {
    return this.node.type === 'object';
  }

  get isString(): boolean {
    return this.node.type === 'string';
  }

  get isNumber(): boolean {
    return this.node.type === 'number';
  }

  /** The text of the value in the file, shortened. */
  get written(): string {
    const { offset, length } = this.node;
    const text = this.source.text.slice(offset, offset + length).replace(/\s+/g, ' ');
    return text.length > 48 ? `${text.slice(0, 45)}...` : text;
  }

  /** Adds a complaint. Returns undefined as any type, so that readers can return the result. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- what is returned
  complain<T>(message: string): T | undefined {
    const path = formatPath(this.path);
    this.source.complain(this.node.offset, path === '' ? message : `${path}: ${message}`);
    return undefined;
  }

  /** Complains that the value is not `what`. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- as above
  expected<T>(what: string): T | undefined {
    return this.complain(`${this.written} is not ${what}`);
  }

  /**
   * Returns the members by name. `known` lists the allowed names, `required` the mandatory ones.
   */
  object(known: readonly string[], required: readonly string[] = []): Members | undefined {
    const members = this.members();
    if (members === undefined) return undefined;
    for (const [name, value] of members) {
      if (known.includes(name)) continue;
      const list = known.length === 0 ? 'nothing' : known.join(', ');
      value.complain(`unknown here; known are ${list}`);
    }
    for (const name of required) {
      if (!members.has(name)) this.complain(`"${name}" is missing`);
    }
    return required.every((name) => members.has(name)) ? members : undefined;
  }

  /** Returns the members, with any names. Complains about a name that occurs twice. */
  members(): Members | undefined {
    if (!this.isObject) return this.expected('an object');
    const members = new Map<string, JsonValue>();
    for (const property of this.node.children ?? []) {
      const [key, node] = property.children ?? [];
      if (key === undefined || node === undefined) continue;
      const name = String(key.value);
      const value = new JsonValue(this.source, node, [...this.path, name]);
      if (members.has(name)) value.complain('occurs twice');
      else members.set(name, value);
    }
    return members;
  }

  elements(): readonly JsonValue[] | undefined {
    if (this.node.type !== 'array') return this.expected('a list');
    const nodes = this.node.children ?? [];
    return nodes.map((node, index) => new JsonValue(this.source, node, [...this.path, index]));
  }

  string(): string | undefined {
    return this.isString ? String(this.node.value) : this.expected('a string');
  }

  boolean(): boolean | undefined {
    return this.node.type === 'boolean' ? this.node.value === true : this.expected('true or false');
  }

  /** Returns a string that is one of `names`. */
  oneOf<T extends string>(names: readonly T[], what: string): T | undefined {
    const name = names.find((known) => this.isString && known === this.node.value);
    return name ?? this.complain(`${this.written} is not ${what}; expected ${names.join(', ')}`);
  }

  /** Returns an integer of any size without rounding. */
  bigint(minimum: bigint, maximum: bigint): bigint | undefined {
    const { offset, length } = this.node;
    const text = this.source.text.slice(offset, offset + length);
    const number = this.isNumber && /^-?\d+$/.test(text) ? BigInt(text) : undefined;
    if (number !== undefined && number >= minimum && number <= maximum) return number;
    return this.expected(`an integer from ${minimum} to ${maximum}`);
  }

  integer(minimum: number, maximum: number): number | undefined {
    const number = this.bigint(BigInt(minimum), BigInt(maximum));
    return number === undefined ? undefined : Number(number);
  }
}
