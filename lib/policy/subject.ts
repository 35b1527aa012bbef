/** Defines subjects, which describe processes, and matches them with callers. */
import { readlinkSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { checkFunction, checkInteger, checkObject, unexpected } from '../common/arguments.js';

/** The process that a decision is about, as stamped by the domain. */
export interface Identity {
  /** The operating system's process ID at connect. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** The process that a predicate decides about. */
export interface CallerIdentity extends Identity {
  /**
   * The program that `pid` runs at this moment, from `/proc/PID/exe`. Undefined if the process has
   * ended or the manager may not read the link, as for another user's process unless the manager is
   * root. Advisory, see {@link Subject.executable}. Read on access.
   */
  readonly executable: string | undefined;
}

/** Returns whether the subject matches a caller. It must answer synchronously. */
export type SubjectPredicate = (caller: CallerIdentity) => boolean;

/** A range of uids, both ends included. */
export interface UidRange {
  readonly from: number;
  readonly to: number;
}

/** Describes the processes that a rule is about. A process matches if all given fields match. */
export interface Subject {
  readonly uid?: number;
  readonly gid?: number;
  /** The operating system's process ID. */
  readonly pid?: number;
  /** Any of these uids. */
  readonly uids?: readonly number[];
  readonly uidRange?: UidRange;
  /**
   * Absolute path of the program, without symbolic links. Advisory: an interpreter such as node
   * runs any script, a user's process can start any program that it may execute, and the manager
   * reads `/proc/PID/exe` when it decides, not when the process connected. Use it against mistakes,
   * together with a uid. A process whose program cannot be read matches no `allow` and every
   * `deny`.
   */
  readonly executable?: string;
  /**
   * For conditions that the other fields cannot express. A predicate that throws, or returns
   * neither true nor false, matches no `allow` and every `deny`.
   */
  readonly predicate?: SubjectPredicate;
}

const ID_MAX = 0xffff_ffff;
const KINDS = 'uid, gid, pid, uids, uidRange, executable or predicate';

function checkId(value: unknown, key: string): void {
  checkInteger(value, `${key} of a subject`, 0, ID_MAX);
}

const checks: Readonly<Record<keyof Subject, (value: unknown) => void>> = {
  uid: (value) => checkId(value, 'uid'),
  gid: (value) => checkId(value, 'gid'),
  pid: (value) => checkId(value, 'pid'),
  uids: (value) => {
    if (!Array.isArray(value) || value.length === 0) {
      throw unexpected('an array of uids', 'uids of a subject', value);
    }
    for (const uid of value as unknown[]) checkId(uid, 'uids');
  },
  uidRange: (value) => {
    checkObject(value, 'uidRange of a subject');
    const { from, to, ...rest } = value as Partial<UidRange>;
    checkId(from, 'uidRange.from');
    checkInteger(to, 'uidRange.to of a subject', from as number, ID_MAX);
    const [other] = Object.keys(rest);
    if (other !== undefined) throw unexpected('from and to', 'uidRange of a subject', other);
  },
  executable: (value) => {
    if (typeof value !== 'string' || !isAbsolute(value)) {
      throw unexpected('an absolute path', 'executable of a subject', value);
    }
  },
  predicate: (value) => checkFunction(value, 'predicate of a subject'),
};

/** Checks a subject of the program. */
export function checkSubject(value: unknown): asserts value is Subject {
  checkObject(value, 'a subject');
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  if (entries.length === 0) throw unexpected(KINDS, 'a subject', '{}');
  for (const [key, entry] of entries) {
    if (!Object.hasOwn(checks, key)) throw unexpected(KINDS, 'a subject', key);
    checks[key as keyof Subject](entry);
  }
}

/** Returns a frozen copy, which later changes of the program's object do not affect. */
export function freezeSubject(subject: Subject): Subject {
  const { uids, uidRange, ...rest } = subject;
  return Object.freeze({
    ...rest,
    ...(uids === undefined ? {} : { uids: Object.freeze([...uids]) }),
    ...(uidRange === undefined ? {} : { uidRange: Object.freeze({ ...uidRange }) }),
  });
}

/** Returns whether two subjects are equal. */
export function sameSubject(left: Subject, right: Subject): boolean {
  if (left.predicate !== right.predicate) return false;
  const data = (subject: Subject): string =>
    JSON.stringify(Object.entries(subject).sort(([one], [two]) => (one < two ? -1 : 1)));
  return data(left) === data(right);
}

/** Returns the program of a process, or undefined if `/proc/PID/exe` is not readable. */
function readExecutable(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return undefined;
  }
}

/** One caller during one decision. It stores facts that several rules need. */
export class Candidate implements CallerIdentity {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  #executable: { readonly path: string | undefined } | undefined;

  constructor({ pid, uid, gid }: Identity) {
    this.pid = pid;
    this.uid = uid;
    this.gid = gid;
  }

  get executable(): string | undefined {
    this.#executable ??= { path: readExecutable(this.pid) };
    return this.#executable.path;
  }
}

/** The result of matching a subject with a caller. */
export interface Match {
  /** `unknown`: not determinable. Then an `allow` does not apply, and a `deny` does. */
  readonly outcome: 'yes' | 'no' | 'unknown';
  /** The reason of `unknown`. */
  readonly reason?: string;
}

const YES: Match = { outcome: 'yes' };
const NO: Match = { outcome: 'no' };

function matchPredicate(predicate: SubjectPredicate, caller: CallerIdentity): Match {
  let answer: unknown;
  try {
    answer = predicate(caller);
  } catch (error) {
    return { outcome: 'unknown', reason: `its predicate threw ${String(error)}` };
  }
  if (answer === true) return YES;
  if (answer === false) return NO;
  return {
    outcome: 'unknown',
    reason: `its predicate returned ${typeof answer}, not true or false`,
  };
}

/** Matches a subject with a caller. The cheap fields come first. */
export function match(subject: Subject, caller: CallerIdentity): Match {
  const { uid, gid, pid, uids, uidRange, executable, predicate } = subject;
  if (uid !== undefined && uid !== caller.uid) return NO;
  if (gid !== undefined && gid !== caller.gid) return NO;
  if (pid !== undefined && pid !== caller.pid) return NO;
  if (uids?.includes(caller.uid) === false) return NO;
  if (uidRange !== undefined && (caller.uid < uidRange.from || caller.uid > uidRange.to)) return NO;
  let unknown: Match | undefined;
  if (executable !== undefined) {
    const runs = caller.executable;
    if (runs === undefined) {
      unknown = {
        outcome: 'unknown',
        reason: `the program of process ${caller.pid} is not readable`,
      };
    } else if (runs !== executable) {
      return NO;
    }
  }
  if (predicate === undefined) return unknown ?? YES;
  const decided = matchPredicate(predicate, caller);
  return decided.outcome === 'yes' ? (unknown ?? decided) : decided;
}

const words: { readonly [Key in keyof Subject]-?: (value: never) => string } = {
  uid: (value: number) => `uid ${value}`,
  gid: (value: number) => `gid ${value}`,
  pid: (value: number) => `pid ${value}`,
  uids: (value: readonly number[]) => `uids ${value.join(', ')}`,
  uidRange: ({ from, to }: UidRange) => `uids ${from} to ${to}`,
  executable: (value: string) => `executable ${value} (advisory)`,
  predicate: (value: SubjectPredicate) => `predicate ${value.name}`.trimEnd(),
};

/** Describes a subject, e.g. `uid 1000 and gid 33`. */
export function subjectInWords(subject: Subject): string {
  return Object.entries(subject)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => words[key as keyof Subject](value as never))
    .join(' and ');
}

/** Checks an identity of the program. */
export function checkIdentity(value: unknown): asserts value is Identity {
  checkObject(value, 'a caller');
  const { pid, uid, gid } = value as Partial<Identity>;
  checkInteger(pid, 'pid of a caller', 0, ID_MAX);
  checkInteger(uid, 'uid of a caller', 0, ID_MAX);
  checkInteger(gid, 'gid of a caller', 0, ID_MAX);
}
