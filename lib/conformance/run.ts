/** Runs scenarios side by side, since most of them wait most of the time. */
import { setMaxListeners } from 'node:events';
import type { Engine } from './engine.js';
import { runEngine, timeLimit, type EngineReport } from './run-engine.js';
import type { Scenario, Step, Target } from './scenario.js';

/** What came of one scenario. */
export interface Outcome {
  readonly scenario: Scenario;
  readonly result: 'passed' | 'failed' | 'skipped';
  /** Of a skipped one. */
  readonly reason?: string;
  /** The step that differs; absent if the fault is nobody's step. */
  readonly step?: Step;
  readonly wanted?: string;
  readonly came?: string;
  /** Why it failed, if `wanted` and `came` do not say it. */
  readonly message?: string;
  /** How many checks the implementation gives no means for, such as the pool's use. */
  readonly notChecked: number;
  readonly milliseconds: number;
}

export interface RunOptions {
  readonly target: Target;
  readonly engine: Engine;
  /** Makes the engine's input of a scenario. */
  readonly compile: (scenario: Scenario) => Uint32Array;
  /** How many run at a time. */
  readonly jobs: number;
  /** Called for each scenario, in the order they were given, as soon as that order allows. */
  readonly onOutcome?: (outcome: Outcome) => void;
  /** Ends everything: {@link runScenarios} rejects with its reason when nothing is left. */
  readonly signal?: AbortSignal;
}

/** Why the target does not run a scenario that it skips. */
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

/** How long a scenario waits, roughly: the longest begin first, so that nothing waits for them. */
function patience({ steps }: Scenario): number {
  return steps.reduce((sum, { action, want }) => {
    if (action.do === 'sleep') return sum + action.ms;
    return want === 'ETIME' ? sum + 5000 : sum;
  }, 0);
}

/**
 * Resolves to an outcome for each scenario, in their order. Rejects only if `signal` ends the run;
 * then every process that was started has ended and what was prepared for it is gone.
 */
export async function runScenarios(
  scenarios: readonly Scenario[],
  options: RunOptions,
): Promise<readonly Outcome[]> {
  // Each engine that runs listens.
  if (options.signal !== undefined) setMaxListeners(options.jobs + 1, options.signal);
  const outcomes = new Array<Outcome | undefined>(scenarios.length).fill(undefined);
  let told = 0;
  const tell = (): void => {
    for (let next = outcomes[told]; next !== undefined; next = outcomes[told]) {
      told += 1;
      options.onOutcome?.(next);
    }
  };
  const queue = [...scenarios.entries()].sort(([, a], [, b]) => patience(b) - patience(a));
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, scenario] = next;
      outcomes[index] = await runOne(scenario, options);
      tell();
    }
  };
  const workers = Array.from({ length: Math.min(options.jobs, queue.length) }, worker);
  // All, not the first: when this rejects nothing may be running any more.
  const results = await Promise.allSettled(workers);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return outcomes.filter((outcome) => outcome !== undefined);
}
