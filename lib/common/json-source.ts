/**
 * JSON with comments, read so that every complaint names its place: file, line, column and path.
 * Complaints are collected, so that one reading shows them all.
 */
import {
  parseTree,
  printParseErrorCode,
  type Node,
  type ParseError,
  type Segment,
} from 'jsonc-parser';

/** What is wrong with a file, and where. Lines and columns count from 1. */
export interface Complaint {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The place and what is wrong: `steps[4].want: "EINVALL" is not a result`. */
  readonly message: string;
}

/** `x.json:12:30: steps[4].want: ...`, as editors and terminals like it. */
export function formatComplaint({ file, line, column, message }: Complaint): string {
  return `${file}:${line}:${column}: ${message}`;
}

/** `steps[4].out.data[0]` */
function formatPath(path: readonly Segment[]): string {
  return path
    .map((segment) => (typeof segment === 'number' ? `[${segment}]` : `.${segment}`))
    .join('')
    .replace(/^\./, '');
}

/** A text and the complaints about it. */
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

  /** The root value; `undefined` after a complaint, if the text is no JSON. */
  parse(): JsonValue | undefined {
    const errors: ParseError[] = [];
    // A byte order mark is no part of the document.
    const text = this.text.replace(/^\uFEFF/, ' ');
    const root = parseTree(text, errors, { allowTrailingComma: true });
    const [first] = errors;
    if (first !== undefined) {
      // The parser goes on after an error, but what it then reports is seldom of use.
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
    // A place may be looked at more than once.
    const isKnown = this.complaints.some(
      (known) => known.line === line && known.column === column && known.message === message,
    );
    if (!isKnown) this.complaints.push({ file: this.file, line, column, message });
  }

  /** The line of an offset, from 1. */
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

/** The members of an object. */
export type Members = ReadonlyMap<string, JsonValue>;

/**
 * A value in a {@link JsonSource}. The readers return `undefined` after they complained; whoever
 * gets that goes on, to find what else is wrong.
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

  /** The value as it stands in the file, shortened. */
  get written(): string {
    const { offset, length } = this.node;
    const text = this.source.text.slice(offset, offset + length).replace(/\s+/g, ' ');
    return text.length > 48 ? `${text.slice(0, 45)}...` : text;
  }

  /** Returns `undefined`, for readers of any T to return at once. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- what is returned
  complain<T>(message: string): T | undefined {
    const path = formatPath(this.path);
    this.source.complain(this.node.offset, path === '' ? message : `${path}: ${message}`);
    return undefined;
  }

  /** For messages: `x is not WHAT`, with what would have been right. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- as above
  expected<T>(what: string): T | undefined {
    return this.complain(`${this.written} is not ${what}`);
  }

  /** Members by name. `known` are the names that may occur, `required` those that must. */
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

  /** Members by name, whatever their names are. A name that occurs twice is a complaint. */
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

  /** A string out of a list. */
  oneOf<T extends string>(names: readonly T[], what: string): T | undefined {
    const name = names.find((known) => this.isString && known === this.node.value);
    return name ?? this.complain(`${this.written} is not ${what}; expected ${names.join(', ')}`);
  }

  /** An integer, exact whatever its size. */
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
