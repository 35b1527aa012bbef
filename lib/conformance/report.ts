/** Formats results: lines for people, one JSON document, or TAP 14. */
import type { Outcome } from './run.js';
import type { Step, Target } from './scenario.js';

const messageBits = ['SEND', 'RECV', 'BUFF_FREE'];
const commandNames = ['gen', 'remove', 'access'];

/** Returns a step as its author writes it: `svc msg RECV`, `join r1`. */
function describeStep({ action, task }: Step): string {
  switch (action.do) {
    case 'join':
      return `join ${action.label}`;
    case 'msg': {
      const flags = messageBits.filter((_, bit) => (action.flag & (1 << bit)) !== 0);
      return `${task?.name} msg ${flags.length === 0 ? 'without flags' : flags.join('|')}`;
    }
    case 'cmsCmd':
      return `${task?.name} cmsCmd ${commandNames[action.cmd] ?? action.cmd}`;
    default:
      return `${task?.name} ${action.do}`;
  }
}

/** Returns the difference without its location. */
function difference({ wanted, came, message }: Outcome): string {
  const parts = [
    ...(wanted === undefined ? [] : [`wanted ${wanted}`]),
    ...(came === undefined ? [] : [`came ${came}`]),
    ...(message === undefined ? [] : [message]),
  ];
  return parts.join(', ');
}

function explain(outcome: Outcome): string {
  const { step, scenario } = outcome;
  const text = difference(outcome);
  if (step === undefined) return `${scenario.file}: ${text}`;
  return `step ${step.number} (${describeStep(step)}, ${scenario.file}:${step.line}): ${text}`;
}

/** Returns one line for a scenario. */
export function formatLine(outcome: Outcome): string {
  const { name } = outcome.scenario;
  switch (outcome.result) {
    case 'passed': {
      const { notChecked } = outcome;
      return notChecked === 0 ? `ok   ${name}` : `ok   ${name} (${notChecked} not checked)`;
    }
    case 'failed':
      return `FAIL ${name}: ${explain(outcome)}`;
    case 'skipped':
      return `skip ${name}: ${outcome.reason}`;
  }
}

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function countOutcomes(outcomes: readonly Outcome[]): Counts {
  const count = (result: Outcome['result']): number =>
    outcomes.filter((outcome) => outcome.result === result).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}

export function formatCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Returns the document of `--json`. docs/scenario-format.md describes its shape. */
export function toDocument(outcomes: readonly Outcome[], target: Target): object {
  const scenarios = outcomes.map((outcome) => {
    const { scenario, result, reason, step, wanted, came, message } = outcome;
    const { notChecked, milliseconds } = outcome;
    return {
      name: scenario.name,
      file: scenario.file,
      result,
      reason,
      step: step && { number: step.number, line: step.line, what: describeStep(step) },
      ...{ wanted, came, message, notChecked, milliseconds },
    };
  });
  return { target, ...countOutcomes(outcomes), scenarios };
}

/** Escapes a description or reason for TAP, where `#` and `\` have a meaning. */
const escapeTap = (text: string): string => text.replace(/[\\#]/g, '\\$&').replace(/\n/g, ' ');

/** Returns one test point of TAP 14 with the difference as YAML. JSON strings are valid YAML. */
export function formatTapPoint(outcome: Outcome, number: number): string {
  const { scenario, result, reason, step } = outcome;
  const point = `ok ${number} - ${escapeTap(scenario.name)}`;
  if (result === 'skipped') return `${point} # SKIP ${escapeTap(reason ?? '')}`;
  if (result === 'passed') return point;
  const yaml: Record<string, unknown> = {
    message: explain(outcome),
    severity: 'fail',
    at: { file: scenario.file, line: step?.line ?? 1 },
    step: step?.number,
    wanted: outcome.wanted,
    found: outcome.came,
  };
  const lines = Object.entries(yaml)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`);
  return [`not ${point}`, '  ---', ...lines, '  ...'].join('\n');
}

export function formatTapHead(count: number): string {
  return `TAP version 14\n1..${count}`;
}
