/**
 * Lists the targets and the result of this run for each. A run does not fail if it misses a target.
 */
import { nodePeers, placements, type Placement } from './plan.js';
import type { Results } from './summary.js';

export interface Target {
  readonly id: string;
  readonly what: string;
  readonly relation: 'at most' | 'at least';
  readonly goal: number;
  readonly unit: string;
  /** Undefined if the run did not measure the target. */
  readonly measured: number | undefined;
}

const ROUND_TRIP = 'c.round-trip';
const ONE_WAY = 'c.one-way';
const ONE = 'node.one';
const MANY = 'node.many';
const NS_PER_US = 1000;
/** A spinning flag with a longer round trip did not have both CPUs, so it is no valid floor. */
export const BUSY_ABOVE_NS = 2000;

function inverse(ratio: number | undefined): number | undefined {
  return ratio === undefined ? undefined : 1 / ratio;
}

function microseconds(nanoseconds: number | undefined): number | undefined {
  return nanoseconds === undefined ? undefined : nanoseconds / NS_PER_US;
}

function cTargets(results: Results): Target[] {
  const mine = `${ROUND_TRIP}.liteipc`;
  const floorNs = results.summary(`${ROUND_TRIP}.floor`, 'cross')?.medianNs ?? Infinity;
  const slower = (other: string, placement: Placement): number | undefined =>
    inverse(results.timesBetter(mine, [`${ROUND_TRIP}.${other}`], placement, 'medianNs'));
  return [
    {
      id: 'P1',
      what: 'C round trip, cross, relative to the spinning floor',
      relation: 'at most',
      goal: 2,
      unit: '×',
      measured: floorNs <= BUSY_ABOVE_NS ? slower('floor', 'cross') : undefined,
    },
    {
      id: 'P2',
      what: 'C round trip, one core, relative to the futex',
      relation: 'at most',
      goal: 1.3,
      unit: '×',
      measured: slower('futex', 'one-core'),
    },
    {
      id: 'P2',
      what: 'C round trip, one core, relative to a pipe',
      relation: 'at most',
      goal: 1,
      unit: '×',
      measured: slower('pipe', 'one-core'),
    },
    {
      id: 'P3',
      what: 'C one-way rate, cross',
      relation: 'at least',
      goal: 10,
      unit: 'M msg/s',
      measured: millions(results.summary(`${ONE_WAY}.liteipc`, 'cross')?.perSecond),
    },
  ];
}

function millions(perSecond: number | undefined): number | undefined {
  return perSecond === undefined ? undefined : perSecond / 1e6;
}

function oneCallTargets(results: Results): Target[] {
  const mine = `${ONE}.liteipc`;
  return [
    {
      id: 'P5',
      what: 'Node call, one in flight, cross',
      relation: 'at most',
      goal: 5,
      unit: 'µs',
      measured: microseconds(results.summary(mine, 'cross')?.medianNs),
    },
    {
      id: 'P5',
      what: '  times faster than the fastest peer',
      relation: 'at least',
      goal: 15,
      unit: '×',
      measured: results.timesBetter(mine, nodePeers(ONE), 'cross', 'medianNs'),
    },
    {
      id: 'P5',
      what: '  and with the adaptive wait off',
      relation: 'at least',
      goal: 1,
      unit: '×',
      measured: results.timesBetter(`${mine}-no-spin`, nodePeers(ONE), 'cross', 'medianNs'),
    },
    {
      id: 'P6',
      what: 'Node call, one in flight, one core',
      relation: 'at most',
      goal: 10,
      unit: 'µs',
      measured: microseconds(results.summary(mine, 'one-core')?.medianNs),
    },
    {
      id: 'P6',
      what: '  times faster than MessagePort',
      relation: 'at least',
      goal: 1,
      unit: '×',
      measured: results.timesBetter(mine, [`${ONE}.message-port`], 'one-core', 'medianNs'),
    },
  ];
}

function manyCallsTargets(results: Results, placement: Placement): Target[] {
  const mine = `${MANY}.liteipc`;
  const where = placement === 'cross' ? 'cross' : 'one core';
  const rate = results.summary(mine, placement)?.perSecond;
  const comparedWith = (what: string, goal: number, others: readonly string[]): Target => ({
    id: 'P7',
    what: `  ${where}: times the rate of ${what}`,
    relation: 'at least',
    goal,
    unit: '×',
    measured: results.timesBetter(
      mine,
      others.map((other) => `${MANY}.${other}`),
      placement,
      'perSecond',
    ),
  });
  return [
    {
      id: 'P7',
      what: `Node calls, 64 in flight, ${where}`,
      relation: 'at least',
      goal: 500,
      unit: 'k calls/s',
      measured: rate === undefined ? undefined : rate / 1000,
    },
    comparedWith('custom frames over a socket', 2, ['unix-socket-binary']),
    comparedWith('MessagePort', 3, ['message-port']),
    comparedWith('process.send', 3, ['process-send-advanced', 'process-send-json']),
  ];
}

export function targets(results: Results): Target[] {
  return [
    ...cTargets(results),
    ...oneCallTargets(results),
    ...placements.flatMap((placement) => manyCallsTargets(results, placement)),
  ];
}

/** Returns at most 1 if the target is reached, else the factor by which it is missed. */
export function distance({ relation, goal, measured }: Target): number | undefined {
  if (measured === undefined) {
    return undefined;
  }
  return relation === 'at most' ? measured / goal : goal / measured;
}
