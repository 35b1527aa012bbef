/**
 * Defines a conformance scenario after it was read and checked: names are resolved to objects of
 * this module, numbers are in range, and every reference resolves. docs/scenario-format.md
 * describes the file format.
 */

/** A number that is known now, or when the scenario runs. */
export type Value =
  | { readonly kind: 'number'; readonly number: bigint }
  /** The ID of a task. */
  | { readonly kind: 'tid'; readonly task: Task }
  /** The ID of a process. */
  | { readonly kind: 'pid'; readonly process: Process }
  /** A handle that `cmsCmd gen` saved. */
  | { readonly kind: 'var'; readonly name: string }
  /** The timestamp of a saved message. */
  | { readonly kind: 'ts'; readonly message: string }
  | { readonly kind: 'add'; readonly value: Value; readonly number: bigint };

export interface Process {
  readonly name: string;
  /** Tasks in the order of the file. The first one is the main task. */
  readonly tasks: readonly Task[];
}

export interface Task {
  readonly name: string;
  readonly process: Process;
}

export const errorNames = [
  ...(['EINVAL', 'EACCES', 'ENOMEM', 'EEXIST', 'EFAULT', 'ETIME', 'ENOENT', 'ERFKILL'] as const),
  ...(['EBADF', 'ENODEV', 'EAGAIN', 'EPERM', 'EMFILE', 'EMSGSIZE'] as const),
] as const;

/** The expected result of a step: success, one error, or any error. */
export type Want = 'OK' | 'FAIL' | (typeof errorNames)[number];

export type DescriptorName = 'pipe:r' | 'pipe:w' | 'file' | 'bad';

/** A piece of a message's data. Each part begins at the next multiple of 8 bytes. */
export type Part =
  | { readonly kind: 'u32'; readonly value: Value }
  | { readonly kind: 'u64'; readonly value: Value }
  /** `hex` and `str`. */
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'fill'; readonly byte: number; readonly size: number }
  | { readonly kind: 'fd'; readonly descriptor: DescriptorName }
  | { readonly kind: 'ptr'; readonly data: readonly Part[] }
  | {
      readonly kind: 'svc';
      readonly handle: Value;
      readonly token: Value;
      readonly cookie: Value;
    }
  /** An object of a type that does not exist, with zero content. */
  | { readonly kind: 'object'; readonly type: number };

/**
 * A part of `wantMsg`: bytes to skip, or bytes that must be present. An `fd` must be an open
 * descriptor.
 */
export type WantedPart =
  | Exclude<Part, { kind: 'fd' | 'ptr' | 'object' }>
  | { readonly kind: 'any'; readonly size: number }
  | { readonly kind: 'fd' }
  | { readonly kind: 'ptr'; readonly data: readonly WantedPart[] };

/** The message that a step sends. */
export interface OutMessage {
  /** A number of `MsgType`, 0 REQUEST to 3 DEATH_NOTIFY, or a number that does not exist. */
  readonly type: Value;
  readonly handle: Value;
  readonly token: Value;
  readonly cookie: Value;
  readonly code: Value;
  /** 0 DEFAULT, 1 ONEWAY. */
  readonly flag: Value;
  readonly timestamp: Value;
  readonly data: readonly Part[];
  /** Replaces the size that follows from `data`, for malformed messages. */
  readonly dataSz?: number;
  readonly spObjNum?: number;
  readonly offsets?: readonly number[];
  readonly dataNull: boolean;
  readonly offsetsNull: boolean;
}

/** The message that a step must receive. Absent members are not checked. */
export interface WantedMessage {
  readonly type?: Value;
  readonly handle?: Value;
  readonly token?: Value;
  readonly cookie?: Value;
  readonly code?: Value;
  readonly flag?: Value;
  readonly dataSz?: number;
  readonly spObjNum?: number;
  /** The sender as the implementation stamped it: its task ID and its process ID. */
  readonly from?: Task;
  readonly data?: readonly WantedPart[];
}

/** The pointer that BUFF_FREE gets. */
export type FreeTarget =
  | { readonly kind: 'message'; readonly message: string; readonly offset: number }
  /** The buffer of the object number `index` of a saved message, from 0. */
  | { readonly kind: 'object'; readonly message: string; readonly index: number }
  | { readonly kind: 'address'; readonly address: bigint };

export type Action =
  | { readonly do: 'open' | 'close' | 'setIpcThread' | 'exitTask' | 'exitProcess' }
  | {
      readonly do: 'mmap';
      readonly size: number;
      readonly prot: 'r' | 'rw';
      readonly flags: 'private' | 'shared';
    }
  | { readonly do: 'setCms'; readonly maxMsgSize: number }
  | { readonly do: 'version'; readonly wantVersion?: readonly [major: number, minor: number] }
  | {
      readonly do: 'cmsCmd';
      /** 0 gen, 1 remove, 2 access, or a number that does not exist. */
      readonly cmd: number;
      readonly of: Value;
      readonly handle: Value;
      readonly save?: string;
    }
  | { readonly do: 'ioctlRaw'; readonly cmd: number; readonly arg: bigint }
  | {
      readonly do: 'msg';
      /** Bits: 1 SEND, 2 RECV, 4 BUFF_FREE. */
      readonly flag: number;
      readonly out?: OutMessage;
      readonly free?: FreeTarget;
      readonly save?: string;
    }
  | { readonly do: 'fork'; readonly child: Process }
  | { readonly do: 'sleep'; readonly ms: number }
  | { readonly do: 'pool'; readonly wantUsed: number | 'empty' }
  /** Waits for the step that was started under this label. */
  | { readonly do: 'join'; readonly label: string };

export interface Step {
  /** Position in the file's list, from 1. */
  readonly number: number;
  /** The line of the file where the step begins, from 1. */
  readonly line: number;
  /** `undefined` for a join. */
  readonly task?: Task;
  readonly action: Action;
  /** The expected result after the target's own expectation was applied. */
  readonly want: Want;
  readonly wantMessage?: WantedMessage;
  /** The step may block. A later step joins it by this label. */
  readonly start?: string;
}

export type Target = 'port' | 'kernel';

export interface Scenario {
  readonly file: string;
  readonly name: string;
  readonly about: string;
  /** The number of a deliberate deviation, such as `D7`. */
  readonly deviation?: string;
  /** True if the target does not run the scenario because the port has one of its own. */
  readonly skip: boolean;
  /** States a dependency on the sizes of this ABI that abi.ts cannot detect. */
  readonly abi?: 'lp64';
  readonly processes: readonly Process[];
  readonly steps: readonly Step[];
}
