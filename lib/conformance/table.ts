/**
 * Compiles a scenario to the table that the C engine reads. native/conformance/table.h describes
 * the encoding and defines these numbers.
 */
import { findLp64Reason } from './abi.js';
import {
  errorNames,
  type Action,
  type DescriptorName,
  type FreeTarget,
  type OutMessage,
  type Part,
  type Process,
  type Scenario,
  type Step,
  type Task,
  type Value,
  type Want,
  type WantedMessage,
  type WantedPart,
} from './scenario.js';
import { TableWords } from './table-words.js';

const magic = 0x5049434c;
const version = 1;
const none = 0xffff_ffff;

const lp64Only = 1;
const skip = 2;

/** enum PartKind */
const partKinds: Readonly<Record<(Part | WantedPart)['kind'], number>> = {
  ...{ u32: 0, u64: 1, bytes: 2, fill: 3, fd: 4, ptr: 5, svc: 6, object: 7, any: 8 },
};

/** enum PartDescriptor */
const descriptors: Readonly<Record<DescriptorName, number>> = {
  ...{ 'pipe:r': 0, 'pipe:w': 1, file: 2, bad: 3 },
};

/** enum Action */
const actions: Readonly<Record<Action['do'], number>> = {
  ...{ open: 0, close: 1, setIpcThread: 2, exitTask: 3, exitProcess: 4, mmap: 5, setCms: 6 },
  ...{ version: 7, cmsCmd: 8, ioctlRaw: 9, msg: 10, fork: 11, sleep: 12, pool: 13, join: 14 },
};

/** The order of WANTS in native/conformance/want.c. */
const wants: readonly Want[] = ['OK', 'FAIL', ...errorNames];

/** The first fields of enum TableField; the other fields follow. */
const valueFields = ['type', 'handle', 'token', 'cookie', 'code', 'flag'] as const;
const otherFields = ['dataSz', 'spObjNum', 'from', 'data'] as const;

/** Bits of enum TableOverride. */
const overrideBits = { dataSz: 1, spObjNum: 2, offsets: 4, dataNull: 8, offsetsNull: 16 } as const;

/** Numbers names in the order of their first use. */
class Numbering {
  readonly names: string[] = [];

  of(name: string): number {
    const index = this.names.indexOf(name);
    return index >= 0 ? index : this.names.push(name) - 1;
  }

  ofOptional(name: string | undefined): number {
    return name === undefined ? none : this.of(name);
  }
}

class StepWriter {
  readonly words = new TableWords();
  readonly handles = new Numbering();
  readonly messages = new Numbering();
  readonly labels = new Numbering();
  readonly #tasks: readonly Task[];

  constructor(readonly processes: readonly Process[]) {
    this.#tasks = processes.flatMap(({ tasks }) => tasks);
  }

  step({ number, task, action, want, start, wantMessage }: Step): void {
    const { words } = this;
    words.words(number, task === undefined ? none : this.#task(task));
    words.words(actions[action.do], wants.indexOf(want), this.labels.ofOptional(start));
    this.#arguments(action);
    words.optional(wantMessage, (wanted) => this.#wanted(wanted));
  }

  #task(task: Task): number {
    return this.#tasks.indexOf(task);
  }

  #arguments(action: Action): void {
    const { words } = this;
    switch (action.do) {
      case 'mmap':
        words.word(action.size);
        words.flag(action.prot === 'rw');
        words.flag(action.flags === 'shared');
        break;
      case 'setCms':
        words.word(action.maxMsgSize);
        break;
      case 'version':
        words.flag(action.wantVersion !== undefined);
        words.words(...(action.wantVersion ?? [0, 0]));
        break;
      case 'cmsCmd':
        words.word(action.cmd);
        this.#value(action.of);
        this.#value(action.handle);
        words.word(this.handles.ofOptional(action.save));
        break;
      case 'ioctlRaw':
        words.word(action.cmd);
        words.long(action.arg);
        break;
      case 'msg':
        words.word(action.flag);
        words.optional(action.out, (out) => this.#out(out));
        this.#free(action.free);
        words.word(this.messages.ofOptional(action.save));
        break;
      case 'fork':
        words.word(this.processes.indexOf(action.child));
        break;
      case 'sleep':
        words.word(action.ms);
        break;
      case 'pool':
        words.word(action.wantUsed === 'empty' ? none : action.wantUsed);
        break;
      case 'join':
        words.word(this.labels.of(action.label));
        break;
      default:
        break;
    }
  }

  #value(value: Value): void {
    const [kind, index, number] = this.#resolve(value);
    this.words.word(kind | (index << 8));
    this.words.long(number);
  }

  /**
   * Returns enum ValueKind of a value, the index that it refers to, and the number that is added.
   */
  #resolve(value: Value): readonly [kind: number, index: number, number: bigint] {
    switch (value.kind) {
      case 'number':
        return [0, 0, value.number];
      case 'tid':
        return [1, this.#task(value.task), 0n];
      case 'pid':
        return [2, this.processes.indexOf(value.process), 0n];
      case 'var':
        return [3, this.handles.of(value.name), 0n];
      case 'ts':
        return [4, this.messages.of(value.message), 0n];
      case 'add': {
        const [kind, index, number] = this.#resolve(value.value);
        return [kind, index, number + value.number];
      }
    }
  }

  #free(free: FreeTarget | undefined): void {
    const { words } = this;
    switch (free?.kind) {
      case undefined:
        words.word(0);
        break;
      case 'message':
        words.words(1, this.messages.of(free.message));
        words.long(BigInt(free.offset));
        break;
      case 'object':
        words.words(2, this.messages.of(free.message), free.index);
        break;
      case 'address':
        words.word(3);
        words.long(free.address);
        break;
    }
  }

  #out(out: OutMessage): void {
    const { words } = this;
    for (const field of [...valueFields, 'timestamp'] as const) this.#value(out[field]);
    words.word(
      (out.dataSz === undefined ? 0 : overrideBits.dataSz) |
        (out.spObjNum === undefined ? 0 : overrideBits.spObjNum) |
        (out.offsets === undefined ? 0 : overrideBits.offsets) |
        (out.dataNull ? overrideBits.dataNull : 0) |
        (out.offsetsNull ? overrideBits.offsetsNull : 0),
    );
    words.words(out.dataSz ?? 0, out.spObjNum ?? 0);
    words.list(out.offsets ?? [], (offset) => words.word(offset));
    this.#parts(out.data);
  }

  #wanted(wanted: WantedMessage): void {
    const { words } = this;
    const isPresent = (field: keyof WantedMessage): boolean => wanted[field] !== undefined;
    const fields = [...valueFields, ...otherFields];
    words.word(fields.reduce((bits, field, bit) => bits | (isPresent(field) ? 1 << bit : 0), 0));
    for (const field of valueFields) {
      const value = wanted[field];
      if (value !== undefined) this.#value(value);
    }
    if (wanted.dataSz !== undefined) words.word(wanted.dataSz);
    if (wanted.spObjNum !== undefined) words.word(wanted.spObjNum);
    if (wanted.from !== undefined) words.word(this.#task(wanted.from));
    if (wanted.data !== undefined) this.#parts(wanted.data);
  }

  #parts(parts: readonly (Part | WantedPart)[]): void {
    this.words.list(parts, (part) => this.#part(part));
  }

  #part(part: Part | WantedPart): void {
    const { words } = this;
    words.word(partKinds[part.kind]);
    switch (part.kind) {
      case 'u32':
      case 'u64':
        this.#value(part.value);
        break;
      case 'bytes':
        words.bytes(part.bytes);
        break;
      case 'fill':
        words.words(part.byte, part.size);
        break;
      case 'fd':
        words.word('descriptor' in part ? descriptors[part.descriptor] : 0);
        break;
      case 'ptr':
        this.#parts(part.data);
        break;
      case 'svc':
        this.#value(part.handle);
        this.#value(part.token);
        this.#value(part.cookie);
        break;
      case 'object':
        words.word(part.type);
        break;
      case 'any':
        words.word(part.size);
        break;
    }
  }
}

/**
 * Returns the scenario as a table. With `skipReason` the engine does not run it and prints the
 * reason.
 *
 * @throws {RangeError} if a number does not fit its field in the table
 */
export function compileTable(scenario: Scenario, skipReason?: string): Uint32Array {
  // Steps are compiled first, because they determine the handles, messages and labels.
  const steps = new StepWriter(scenario.processes);
  for (const step of scenario.steps) steps.step(step);
  const lp64Reason = findLp64Reason(scenario);
  const words = new TableWords();
  words.words(magic, version);
  const total = words.reserve();
  words.word((lp64Reason === undefined ? 0 : lp64Only) | (skipReason === undefined ? 0 : skip));
  words.string(scenario.name);
  words.string(skipReason ?? lp64Reason ?? '');
  words.list(scenario.processes, ({ name, tasks }) => {
    words.string(name);
    words.list(tasks, (task) => words.string(task.name));
  });
  words.list(steps.handles.names, (name) => words.string(name));
  words.list(steps.messages.names, (name) => words.string(name));
  words.words(steps.labels.names.length, scenario.steps.length);
  words.append(steps.words);
  words.set(total, words.length);
  return words.toArray();
}
