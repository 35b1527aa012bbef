/** Parses a policy file: JSON with comments. Reports every problem with its position. */
import { basename } from 'node:path';
import { findNodeAtLocation, getNodeValue, type Node } from 'jsonc-parser';
import type { z } from 'zod';
import { JsonSource, formatComplaint, type JsonValue } from '../common/json-source.js';
import { PolicyFileError } from './file-error.js';
import { makeRule, type Rule, type RuleAction } from './rules.js';
import { policyFileSchema } from './schema.js';
import type { Subject } from './subject.js';
import { toQuota, type Quota } from './quota.js';

/** Rejects what getNodeValue would drop silently: repeated names, and JavaScript's own name. */
function checkNames(value: JsonValue): void {
  if (value.isObject) {
    for (const [name, member] of value.members() ?? []) {
      if (name === '__proto__') member.complain('this name is not permitted');
      checkNames(member);
    }
  } else if (value.node.type === 'array') {
    for (const element of value.elements() ?? []) checkNames(element);
  }
}

/** Returns the innermost existing node on the way to a path. */
function nearest(root: Node, path: readonly PropertyKey[]): Node {
  for (let length = path.length; length > 0; length--) {
    const node = findNodeAtLocation(root, path.slice(0, length) as (string | number)[]);
    if (node !== undefined) return node;
  }
  return root;
}

function complainOfIssue(source: JsonSource, root: Node, issue: z.core.$ZodIssue): void {
  const keys = issue.code === 'unrecognized_keys' ? issue.keys : [undefined];
  for (const key of keys) {
    const path = key === undefined ? issue.path : [...issue.path, key];
    const where = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`));
    const text =
      key !== undefined
        ? 'unknown here'
        : issue.code === 'invalid_key'
          ? (issue.issues[0]?.message ?? issue.message)
          : issue.message;
    const at = where.join('').replace(/^\./, '');
    source.complain(nearest(root, path).offset, at === '' ? text : `${at}: ${text}`);
  }
}

function positionOf(source: JsonSource, offset: number): string {
  const column = offset - source.text.lastIndexOf('\n', offset - 1);
  return `${basename(source.file)}:${source.lineOf(offset)}:${column}`;
}

/** Returns the rules of a policy file. Throws a {@link PolicyFileError} with every problem. */
export function parsePolicy(file: string, text: string): Rule[] {
  const source = new JsonSource(file, text);
  const root = source.parse();
  if (root !== undefined) checkNames(root);
  if (root === undefined || source.complaints.length > 0) throw brokenFile(source);
  const result = policyFileSchema.safeParse(getNodeValue(root.node));
  if (!result.success) {
    for (const issue of result.error.issues) complainOfIssue(source, root.node, issue);
    throw brokenFile(source);
  }
  const rules: Rule[] = [];
  const { call = {}, serve = {} } = result.data;
  const add = (
    effect: Rule['effect'],
    action: RuleAction,
    service: string,
    entries: readonly FileEntry[] = [],
  ): void => {
    for (const [index, entry] of entries.entries()) {
      const node = nearest(root.node, [action, service, effect, index]);
      rules.push(ruleOf(effect, action, service, entry, positionOf(source, node.offset)));
    }
  };
  for (const [service, lists] of Object.entries(call)) {
    add('allow', 'call', service, lists.allow);
    add('deny', 'call', service, lists.deny);
    add('limit', 'call', service, lists.limit);
  }
  for (const [service, lists] of Object.entries(serve)) {
    add('allow', 'serve', service, lists.allow);
    add('deny', 'serve', service, lists.deny);
  }
  return rules;
}

/** An entry of any list: its subject, its methods and its quota. */
type FileEntry = {
  readonly [Key in keyof (Subject & Quota)]: (Subject & Quota)[Key] | undefined;
} & { readonly methods?: readonly string[] | undefined };

function ruleOf(
  effect: Rule['effect'],
  action: RuleAction,
  service: string,
  entry: FileEntry,
  origin: string,
): Rule {
  const { methods = [], callsPerSecond, burst, bytesPerSecond, burstBytes, ...rest } = entry;
  const { inFlight, ...subject } = rest;
  const quota =
    effect === 'limit'
      ? toQuota({ callsPerSecond, burst, bytesPerSecond, burstBytes, inFlight })
      : undefined;
  return makeRule({
    ...{ effect, action, service, methods, quota, origin },
    subject: subject,
  });
}

function brokenFile(source: JsonSource): PolicyFileError {
  const problems = [...source.complaints].sort(
    (left, right) => left.line - right.line || left.column - right.column,
  );
  const [first] = problems;
  const others = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  const text = first === undefined ? source.file : formatComplaint(first);
  return new PolicyFileError(source.file, text + others, problems);
}
