/** Runs scenarios concurrently, since most of them wait most of the time. */
import { setMaxListeners } from 'node:events';
import type { Engine } from './engine.js';
import { runEngine, timeLimit, type EngineReport } from './run-engine.js';
import type { Scenario, Step, Target } from './scenario.js';

/** The result of one scenario. */
export interface Outcome {
  readonly scenario: Scenario;
  readonly result: 'passed' | 'failed' | 'skipped';
  /** The reason of a skipped scenario. */
  readonly reason?: string;
  /** The step whose result differs. Absent if no step is at fault. */
  readonly step?: Step;
  readonly wanted?: string;
  readonly came?: string;
  /** The reason of the failure, if `wanted` and `came` do not state it. */
  readonly message?: string;
  /** Number of checks that the implementation cannot make, such as the pool's use. */
  readonly notChecked: number;
  readonly milliseconds: number;
}

export interface RunOptions {
  readonly target: Target;
  readonly engine: Engine;
  /** Compiles a scenario to the engine's input. */
  readonly compile: (scenario: Scenario) => Uint32Array;
  /** Number of scenarios that run at a time. */
  readonly jobs: number;
  /** Called for each scenario, in the given order, as soon as that order allows. */
  readonly onOutcome?: (outcome: Outcome) => void;
  /** Ends the run: {@link runScenarios} rejects with its reason after everything has ended. */
  readonly signal?: AbortSignal;
}

/** Returns why the target skips a scenario. */
export function skipReason(scenario: Scenario, target: Target): string {
  const deviation = scenario.deviation === undefined ? '' : `${scenario.deviation}, `;
  return target === 'port'
    ? `${deviation}the port has a scenario of its own`
    : `${deviation}a rule of the port alone`;
}

function toOutcome(scenario: Scenario, report: EngineReport, milliseconds: number): Outcome {
  const { step: number, wanted, came, message, notChecked = 0 } = report;
  const result = report.result === 'error' ? 'failed' : report.result;
  const step = scenario.steps.find((each) => each.number === number);
  return {
    scenario,
    result,
    ...(result === 'skipped' && { reason: message ?? 'the engine does not run it' }),
    ...(result === 'failed' && {
      ...(step !== undefined && { step }),
      ...(wanted !== undefined && { wanted }),
      ...(came !== undefined && { came }),
      ...(message !== undefined && message !== '' && { message }),
    }),
    notChecked,
    milliseconds,
  };
}

async function runOne(scenario: Scenario, options: RunOptions): Promise<Outcome> {
  const startedAt = performance.now();
  if (scenario.skip) {
    const reason = skipReason(scenario, options.target);
    return { scenario, result: 'skipped', reason, notChecked: 0, milliseconds: 0 };
  }
  let report: EngineReport;
  try {
    const table = options.compile(scenario);
    const engine = options.engine();
    try {
      report = await runEngine(engine, table, timeLimit(scenario), options.signal);
    } finally {
      engine.dispose();
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    report = { result: 'error', message: error instanceof Error ? error.message : String(error) };
  }
  return toOutcome(scenario, report, Math.round(performance.now() - startedAt));
}

/**
 * Estimates how long a scenario waits. The longest start first, so that the run does not end with
 * them.
 */
function waitOf({ steps }: Scenario): number {
  return steps.reduce((sum, { action, want }) => {
    if (action.do === 'sleep') return sum + action.ms;
    return want === 'ETIME' ? sum + 5000 : sum;
  }, 0);
}

/**
 * Resolves to the outcomes of all scenarios, in their order. Rejects only if `signal` ends the run.
 * Then every started process has ended and everything prepared for it was removed.
 */
export async function runScenarios(
  scenarios: readonly Scenario[],
  options: RunOptions,
): Promise<readonly Outcome[]> {
  // Each running engine adds a listener.
  if (options.signal !== undefined) setMaxListeners(options.jobs + 1, options.signal);
  const outcomes = new Array<Outcome | undefined>(scenarios.length).fill(undefined);
  let reported = 0;
  const report = (): void => {
    for (let next = outcomes[reported]; next !== undefined; next = outcomes[reported]) {
      reported += 1;
      options.onOutcome?.(next);
    }
  };
  const queue = [...scenarios.entries()].sort(([, a], [, b]) => waitOf(b) - waitOf(a));
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, scenario] = next;
      outcomes[index] = await runOne(scenario, options);
      report();
    }
  };
  const workers = Array.from({ length: Math.min(options.jobs, queue.length) }, worker);
  // Waits for all workers: when this rejects, nothing may be running.
  const results = await Promise.allSettled(workers);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return outcomes.filter((outcome) => outcome !== undefined);
}
