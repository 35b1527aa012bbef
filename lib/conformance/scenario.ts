/**
 * A conformance scenario after it was read and checked: names are resolved to objects of this
 * module, numbers are in range, and every reference leads somewhere. The file format is described
 * in docs/scenario-format.md.
 */

/** A number that is known only when the scenario runs, or now. */
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
  /** In the order of the file: the first is the main task. */
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

/** What a step must come to: success, one error, or any error. */
export type Want = 'OK' | 'FAIL' | (typeof errorNames)[number];

export type DescriptorName = 'pipe:r' | 'pipe:w' | 'file' | 'bad';

/** A piece of a message's data; each begins at the next multiple of 8 bytes. */
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
  /** An object of a type that does not exist, its content zero. */
  | { readonly kind: 'object'; readonly type: number };

/** In `wantMsg`: bytes to be skipped, or what must be there. An `fd` must be an open descriptor. */
export type WantedPart =
  | Exclude<Part, { kind: 'fd' | 'ptr' | 'object' }>
  | { readonly kind: 'any'; readonly size: number }
  | { readonly kind: 'fd' }
  | { readonly kind: 'ptr'; readonly data: readonly WantedPart[] };

/** The message that a step sends. */
export interface OutMessage {
  /** A number of `MsgType`, 0 REQUEST to 3 DEATH_NOTIFY, or one that does not exist. */
  readonly type: Value;
  readonly handle: Value;
  readonly token: Value;
  readonly cookie: Value;
  readonly code: Value;
  /** 0 DEFAULT, 1 ONEWAY. */
  readonly flag: Value;
  readonly timestamp: Value;
  readonly data: readonly Part[];
  /** Instead of what follows from `data`, for malformed messages. */
  readonly dataSz?: number;
  readonly spObjNum?: number;
  readonly offsets?: readonly number[];
  readonly dataNull: boolean;
  readonly offsetsNull: boolean;
}

/** What is absent is not checked. */
export interface WantedMessage {
  readonly type?: Value;
  readonly handle?: Value;
  readonly token?: Value;
  readonly cookie?: Value;
  readonly code?: Value;
  readonly flag?: Value;
  readonly dataSz?: number;
  readonly spObjNum?: number;
  /** The sender, as the implementation filled it in: its task ID and its process ID. */
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
      /** 0 gen, 1 remove, 2 access, or one that does not exist. */
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
  /** Its place in the file's list, from 1. */
  readonly number: number;
  /** The line of the file it begins on, from 1. */
  readonly line: number;
  /** `undefined` for a join. */
  readonly task?: Task;
  readonly action: Action;
  /** After the target's own expectation has been applied. */
  readonly want: Want;
  readonly wantMessage?: WantedMessage;
  /** The step may block: it is joined later under this label. */
  readonly start?: string;
}

export type Target = 'port' | 'kernel';

export interface Scenario {
  readonly file: string;
  readonly name: string;
  readonly about: string;
  /** Such as `D7`. */
  readonly deviation?: string;
  /** The target does not run it: the port has a scenario of its own instead. */
  readonly skip: boolean;
  /** It hangs on sizes of this ABI in a way that cannot be seen; see abi.ts. */
  readonly abi?: 'lp64';
  readonly processes: readonly Process[];
  readonly steps: readonly Step[];
}
