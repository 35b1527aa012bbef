/** Defines the error of an unusable policy file. */
import type { Complaint } from '../common/json-source.js';
import { LiteIpcError } from '../common/errors.js';

/** Describes a problem in a policy file. Line and column count from 1. */
export type PolicyProblem = Complaint;

/** A policy file that cannot be used; `code` is EINVAL. The previous rules stay in force. */
export class PolicyFileError extends LiteIpcError {
  /** Absolute path. */
  readonly file: string;
  /** In the order of the file; empty if the file could not be read. */
  readonly problems: readonly PolicyProblem[];

  constructor(file: string, text: string, problems: readonly PolicyProblem[], cause?: unknown) {
    super('EINVAL', `Policy file ${text} (EINVAL)`, cause === undefined ? {} : { cause });
    this.file = file;
    this.problems = problems;
  }

  /** Line of the first problem, if there is one. */
  get line(): number | undefined {
    return this.problems[0]?.line;
  }

  /** Column of the first problem, if there is one. */
  get column(): number | undefined {
    return this.problems[0]?.column;
  }

  static {
    this.prototype.name = 'PolicyFileError';
  }
}
