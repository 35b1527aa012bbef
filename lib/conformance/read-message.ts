/** Reads the values and messages of a scenario: `out`, `wantMsg` and their parts. */
import type { Course } from './course.js';
import type { JsonValue, Members } from '../common/json-source.js';
import type { OutMessage, Part, Value, WantedMessage, WantedPart } from './scenario.js';
import { defined } from '../common/values.js';

const uint32Max = 0xffff_ffff;
const int32Min = -0x8000_0000;

const messageTypes = ['REQUEST', 'REPLY', 'FAILED_REPLY', 'DEATH_NOTIFY'];
const messageFlags = ['DEFAULT', 'ONEWAY'];
const descriptors = ['pipe:r', 'pipe:w', 'file', 'bad'] as const;

/** Size limit in bytes. Nobody can send more, and it would only fill the engine's memory. */
const dataMax = 1 << 20;
const partsMax = 1024;

function fixed(number: number): Value {
  return { kind: 'number', number: BigInt(number) };
}

const zero = fixed(0);

/** Reads an optional member. */
export function optional<T>(
  members: Members,
  name: string,
  read: (value: JsonValue) => T | undefined,
): T | undefined {
  const value = members.get(name);
  return value === undefined ? undefined : read(value);
}

/** Returns the only member of an object, such as `{"tid": "svc"}`. */
function single(value: JsonValue): readonly [string, JsonValue] | undefined {
  const entries = [...(value.members() ?? [])];
  return entries.length === 1 ? entries[0] : undefined;
}

/**
 * Reads a number of 32 or 64 bits, or a reference to one. A negative number is converted to
 * unsigned.
 */
export function readValue(value: JsonValue, course: Course, bits: 32 | 64 = 32): Value | undefined {
  const least = -(1n << BigInt(bits - 1));
  const most = (1n << BigInt(bits)) - 1n;
  if (value.isNumber) {
    const number = value.bigint(least, most);
    return number === undefined ? undefined : { kind: 'number', number };
  }
  const [kind, content] = (value.isObject ? single(value) : undefined) ?? [];
  if (content !== undefined) {
    switch (kind) {
      case 'tid': {
        const task = course.task(content);
        return task && { kind, task };
      }
      case 'pid': {
        const process = course.process(content);
        return process && { kind, process };
      }
      case 'var': {
        const name = course.handle(content);
        return name === undefined ? undefined : { kind, name };
      }
      case 'ts': {
        if (bits === 32) return value.complain('a timestamp has 64 bits and does not fit here');
        const message = course.message(content);
        return message === undefined ? undefined : { kind, message };
      }
      case 'add':
        return readSum(content, course, bits);
    }
  }
  return value.expected(
    'a value; expected a number or one of {"tid": task}, {"pid": process}, {"var": handle}, ' +
      '{"ts": message}, {"add": [value, number]}',
  );
}

function readSum(value: JsonValue, course: Course, bits: 32 | 64): Value | undefined {
  const [first, second, ...others] = value.elements() ?? [];
  if (first === undefined || second === undefined || others.length > 0) {
    return value.expected('a list of a value and a number');
  }
  const summand = readValue(first, course, bits);
  const number = second.bigint(-(1n << 63n), (1n << 63n) - 1n);
  if (summand === undefined || number === undefined) return undefined;
  return { kind: 'add', value: summand, number };
}

/** Reads a value that may be given by name; names are counted from 0. */
function readNamed(
  value: JsonValue,
  course: Course,
  names: readonly string[],
  what: string,
): Value | undefined {
  if (!value.isString) return readValue(value, course);
  const name = value.oneOf(names, what);
  return name === undefined ? undefined : fixed(names.indexOf(name));
}

function readHex(value: JsonValue): Uint8Array | undefined {
  const text = value.string();
  if (text === undefined) return undefined;
  if (/^([0-9a-f]{2})*$/i.test(text)) return Buffer.from(text, 'hex');
  return value.expected('hexadecimal digits, two for each byte');
}

type PlainPart = Extract<Part, { kind: 'u32' | 'u64' | 'bytes' | 'fill' }>;

const plainKinds = ['u32', 'u64', 'hex', 'str', 'fill'];

/**
 * Reads a part that is neither an object nor a gap. Returns `undefined` without a complaint if it
 * is one of these.
 */
function readPlainPart(kind: string, value: JsonValue, course: Course): PlainPart | undefined {
  switch (kind) {
    case 'u32':
    case 'u64': {
      const members = value.object([kind]);
      const bits = kind === 'u32' ? 32 : 64;
      const number = members && optional(members, kind, (each) => readValue(each, course, bits));
      return number && { kind, value: number };
    }
    case 'hex': {
      const members = value.object(['hex']);
      const bytes = members && optional(members, 'hex', readHex);
      return bytes && { kind: 'bytes', bytes };
    }
    case 'str': {
      const members = value.object(['str']);
      const text = members && optional(members, 'str', (each) => each.string());
      return text === undefined ? undefined : { kind: 'bytes', bytes: Buffer.from(text, 'utf8') };
    }
    default: {
      const members = value.object(['fill', 'size'], ['fill', 'size']);
      if (members === undefined) return undefined;
      const byte = optional(members, 'fill', (each) => each.integer(0, 255));
      const size = optional(members, 'size', (each) => each.integer(0, dataMax));
      return byte === undefined || size === undefined ? undefined : { kind: 'fill', byte, size };
    }
  }
}

/** Returns the member that determines the kind of a part. */
function kindOf(value: JsonValue, kinds: readonly string[]): string | undefined {
  const members = value.members();
  if (members === undefined) return undefined;
  const kind = kinds.find((each) => members.has(each));
  return kind ?? value.expected(`a part; expected an object with one of ${kinds.join(', ')}`);
}

/**
 * Returns the size of a part with its padding, in bytes. For an object it is the maximum of all
 * ABIs.
 */
function roomOf(part: Part | WantedPart): number {
  switch (part.kind) {
    case 'bytes':
      return part.bytes.length + 7;
    case 'fill':
    case 'any':
      return part.size + 7;
    default:
      return 24;
  }
}

/** Reads a list of parts within the size limit. */
function readParts<T extends Part | WantedPart>(
  value: JsonValue,
  read: (element: JsonValue) => T | undefined,
): readonly T[] | undefined {
  const parts = readList(value, read);
  const room = (parts ?? []).reduce((sum, part) => sum + roomOf(part), 0);
  return room > dataMax ? value.complain(`more than ${dataMax} bytes of data`) : parts;
}

function readList<T>(
  value: JsonValue,
  read: (element: JsonValue) => T | undefined,
): readonly T[] | undefined {
  const elements = value.elements();
  if (elements === undefined) return undefined;
  if (elements.length > partsMax) return value.complain(`more than ${partsMax} elements`);
  const results = elements.map(read);
  const known = results.filter((result) => result !== undefined);
  return known.length === results.length ? known : undefined;
}

/** Reads the content of a PTR object's buffer. A buffer contains no objects. */
function readBuffer<T extends Part | WantedPart>(
  value: JsonValue,
  kinds: readonly string[],
  read: (kind: string, element: JsonValue) => T | undefined,
): readonly T[] | undefined {
  return readParts(value, (element) => {
    if (element.members()?.has('obj') === true) {
      return element.complain('a buffer of a "ptr" object holds plain parts, not objects');
    }
    const kind = kindOf(element, kinds);
    return kind === undefined ? undefined : read(kind, element);
  });
}

type ServicePart = Extract<Part, { kind: 'svc' }>;

function readService(value: JsonValue, course: Course): ServicePart | undefined {
  const members = value.object(['obj', 'handle', 'token', 'cookie'], ['handle']);
  if (members === undefined) return undefined;
  const [handle, token, cookie] = ['handle', 'token', 'cookie'].map((name) =>
    members.has(name) ? optional(members, name, (each) => readValue(each, course)) : zero,
  );
  return handle && token && cookie && { kind: 'svc', handle, token, cookie };
}

/** Reads an unsigned 32-bit number. A negative number is converted to unsigned. */
export function readUint32(value: JsonValue): number | undefined {
  const number = value.integer(int32Min, uint32Max);
  return number === undefined ? undefined : number >>> 0;
}

function objectType(value: JsonValue): string | number | undefined {
  const type = value.members()?.get('obj');
  if (type === undefined) return undefined;
  if (type.isNumber) return readUint32(type);
  return type.oneOf(['fd', 'ptr', 'svc'], 'an object');
}

function readPart(value: JsonValue, course: Course): Part | undefined {
  const kind = kindOf(value, [...plainKinds, 'obj']);
  if (kind === undefined) return undefined;
  if (kind !== 'obj') return readPlainPart(kind, value, course);
  const type = objectType(value);
  switch (type) {
    case undefined:
      return undefined;
    case 'svc':
      return readService(value, course);
    case 'fd': {
      const members = value.object(['obj', 'fd'], ['fd']);
      const descriptor =
        members && optional(members, 'fd', (each) => each.oneOf(descriptors, 'a descriptor'));
      return descriptor && { kind: 'fd', descriptor };
    }
    case 'ptr': {
      const members = value.object(['obj', 'data'], ['data']);
      const data =
        members &&
        optional(members, 'data', (each) =>
          readBuffer(each, plainKinds, (plain, element) => readPlainPart(plain, element, course)),
        );
      return data && { kind: 'ptr', data };
    }
    default:
      value.object(['obj']);
      return { kind: 'object', type: Number(type) };
  }
}

function readGap(value: JsonValue): WantedPart | undefined {
  const members = value.object(['any']);
  const size = members && optional(members, 'any', (each) => each.integer(0, dataMax));
  return size === undefined ? undefined : { kind: 'any', size };
}

function readWantedPart(value: JsonValue, course: Course): WantedPart | undefined {
  const kinds = [...plainKinds, 'any'];
  const kind = kindOf(value, [...kinds, 'obj']);
  if (kind === undefined) return undefined;
  const readPlain = (plain: string, element: JsonValue): WantedPart | undefined =>
    plain === 'any' ? readGap(element) : readPlainPart(plain, element, course);
  if (kind !== 'obj') return readPlain(kind, value);
  const type = objectType(value);
  switch (type) {
    case undefined:
      return undefined;
    case 'svc':
      return readService(value, course);
    case 'fd':
      return value.object(['obj']) && { kind: 'fd' };
    case 'ptr': {
      const members = value.object(['obj', 'data'], ['data']);
      const data =
        members && optional(members, 'data', (each) => readBuffer(each, kinds, readPlain));
      return data && { kind: 'ptr', data };
    }
    default:
      return value.complain('a message that was accepted has no objects of unknown types');
  }
}

const valueFields = ['handle', 'token', 'cookie', 'code'] as const;

type Fields = Partial<Record<'type' | 'flag' | (typeof valueFields)[number], Value>>;

/** Reads the fields that sent and wanted messages have in common. */
function readFields(members: Members, course: Course): Fields {
  const fields: Fields = {};
  const put = (name: keyof Fields, read: (value: JsonValue) => Value | undefined): void => {
    const value = optional(members, name, read);
    if (value !== undefined) fields[name] = value;
  };
  put('type', (value) => readNamed(value, course, messageTypes, 'a message type'));
  put('flag', (value) => readNamed(value, course, messageFlags, 'a message flag'));
  for (const name of valueFields) put(name, (value) => readValue(value, course));
  return fields;
}

const outMembers = [
  ...['type', ...valueFields, 'flag', 'timestamp', 'data', 'dataSz', 'spObjNum', 'offsets'],
  ...['dataNull', 'offsetsNull'],
];

export function readOutMessage(value: JsonValue, course: Course): OutMessage | undefined {
  const members = value.object(outMembers, ['type']);
  if (members === undefined) return undefined;
  const fields = readFields(members, course);
  const timestamp = optional(members, 'timestamp', (each) => readValue(each, course, 64)) ?? zero;
  const data =
    optional(members, 'data', (each) => readParts(each, (part) => readPart(part, course))) ?? [];
  const dataSz = optional(members, 'dataSz', readUint32);
  const spObjNum = optional(members, 'spObjNum', readUint32);
  const offsets = optional(members, 'offsets', (each) => readList(each, readUint32));
  return {
    ...{ type: zero, flag: zero, handle: zero, token: zero, cookie: zero, code: zero },
    ...fields,
    timestamp,
    data,
    ...defined({ dataSz, spObjNum, offsets }),
    dataNull: optional(members, 'dataNull', (each) => each.boolean()) ?? false,
    offsetsNull: optional(members, 'offsetsNull', (each) => each.boolean()) ?? false,
  };
}

const wantedMembers = ['type', ...valueFields, 'flag', 'dataSz', 'spObjNum', 'from', 'data'];

export function readWantedMessage(value: JsonValue, course: Course): WantedMessage | undefined {
  const members = value.object(wantedMembers);
  if (members === undefined) return undefined;
  const dataSz = optional(members, 'dataSz', readUint32);
  const spObjNum = optional(members, 'spObjNum', readUint32);
  const from = optional(members, 'from', (each) => course.task(each));
  const data = optional(members, 'data', (each) =>
    readParts(each, (part) => readWantedPart(part, course)),
  );
  return {
    ...readFields(members, course),
    ...defined({ dataSz, spObjNum, from, data }),
  };
}
