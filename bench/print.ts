/** Formats the results as text. */
import { SIBLINGS_BELOW_NS, type Facts } from './facts.js';
import { groups, placements, rows, type Group, type Placement, type Row } from './plan.js';
import type { Results, Summary } from './summary.js';
import { BUSY_ABOVE_NS, distance, type Target } from './targets.js';

const LABEL_WIDTH = 30;
const COLUMN_WIDTH = 10;
const TEXT_WIDTH = 100;
const HIGH_LOAD = 0.5;
const MISSING = '–';

/** Formats a number with three significant digits, without exponent. */
export function figure(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) {
    return MISSING;
  }
  if (value >= 100) {
    return value.toLocaleString('en', { maximumFractionDigits: 0 });
  }
  return value.toFixed(value >= 10 ? 1 : 2);
}

function columns(label: string, cells: readonly string[]): string {
  const text =
    label.padEnd(LABEL_WIDTH) + cells.map((cell) => cell.padStart(COLUMN_WIDTH)).join('');
  return text.trimEnd();
}

function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > TEXT_WIDTH) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}

function flagText({ flagNs, clientCpu, serverCpu }: Facts): string {
  if (flagNs === undefined) {
    return 'round trip of a flag between the CPUs: not measured';
  }
  const where = `${figure(flagNs)} ns round trip of a flag between CPU ${clientCpu} and ${serverCpu}`;
  if (flagNs > BUSY_ABOVE_NS) {
    return `${where}: the CPUs are BUSY, the figures are unreliable`;
  }
  return flagNs < SIBLINGS_BELOW_NS
    ? `${where}: probably SIBLINGS of one physical core, cross figures are too good`
    : `${where}: separate cores`;
}

export function factsText(facts: Facts): string {
  const { clientCpu, serverCpu, load } = facts;
  const busy = load > HIGH_LOAD ? ': OTHER PROGRAMS ARE RUNNING, the figures are unreliable' : '';
  const cross =
    clientCpu === serverCpu
      ? 'cross: requires two CPUs'
      : `cross: client on CPU ${clientCpu}, server on ${serverCpu}`;
  const machine = `${facts.cpu}, ${facts.cpuCount} CPUs${facts.virtual ? ', virtual' : ''}`;
  return [
    `Machine   ${machine}; Linux ${facts.kernel} ${facts.architecture}; Node ${facts.node}`,
    `CPUs      ${cross}; one core: both on CPU ${clientCpu}`,
    `Flag      ${flagText(facts)}`,
    `Load      ${figure(load)} in the minute before${busy}`,
  ].join('\n');
}

function cells(group: Group, summary: Summary | undefined): string[] {
  if (summary === undefined) {
    return [MISSING, MISSING];
  }
  const rate = group.id.startsWith('c.') ? summary.perSecond / 1e6 : summary.perSecond / 1e3;
  return group.metric === 'medianNs'
    ? [figure(summary.medianNs / 1000), figure(summary.p99Ns / 1000)]
    : [figure(rate), figure(summary.p99Ns / 1000)];
}

function unitCells(group: Group): string[] {
  if (group.metric === 'medianNs') {
    return ['median µs', 'p99 µs'];
  }
  return [group.id.startsWith('c.') ? 'M msg/s' : 'k calls/s', 'p99 µs'];
}

function rowText(group: Group, row: Row, results: Results): string | undefined {
  const measured = placements.map((placement) => results.summary(row.id, placement));
  if (measured.every((summary) => summary === undefined)) {
    return undefined;
  }
  const mine = `${group.id}.liteipc`;
  const ratio = (placement: Placement): string =>
    row.id === mine ? '' : figure(results.timesBetter(mine, [row.id], placement, group.metric));
  return columns(row.label, [
    ...measured.flatMap((summary) => cells(group, summary)),
    ...placements.map(ratio),
  ]);
}

function tableText(group: Group, results: Results): string | undefined {
  const lines = rows
    .filter((row) => row.group === group.id)
    .map((row) => rowText(group, row, results))
    .filter((line) => line !== undefined);
  if (lines.length === 0) {
    return undefined;
  }
  const units = unitCells(group);
  return [
    group.title,
    columns('', ['cross', '', 'one core', '', 'LiteIPC ×', 'LiteIPC ×']),
    columns('', [...units, ...units, 'cross', 'one core']),
    ...lines,
  ].join('\n');
}

export function tablesText(results: Results): string {
  return groups
    .map((group) => tableText(group, results))
    .filter((table) => table !== undefined)
    .join('\n\n');
}

function distanceText(target: Target): string {
  const away = distance(target);
  if (away === undefined) {
    return 'not measured';
  }
  return away <= 1 ? 'reached' : `${figure(away)} × away`;
}

export function targetsText(all: readonly Target[]): string {
  const line = (cellsOf: readonly [string, string, string, string, string]): string => {
    const [id, what, goal, measured, away] = cellsOf;
    return `${id.padEnd(4)}${what.padEnd(50)}${goal.padStart(19)}  ${measured.padStart(16)}  ${away}`;
  };
  return [
    line(['', 'Targets', 'target', 'measured', 'distance']),
    ...all.map((target) => {
      const { id, what, relation, goal, unit, measured } = target;
      const shown = measured === undefined ? MISSING : `${figure(measured)} ${unit}`;
      return line([id, what, `${relation} ${goal} ${unit}`, shown, distanceText(target)]);
    }),
  ].join('\n');
}

/** Explains each measured row, and how to read the columns. */
export function legendText(results: Results): string {
  const shown = rows.filter((row) =>
    placements.some((placement) => results.of(row.id, placement).length > 0),
  );
  const lines = groups.flatMap((group) => {
    const members = shown.filter((row) => row.group === group.id && group.id !== 'node.many');
    const heads = members.map((row) => {
      const head = `  ${row.label.padEnd(LABEL_WIDTH - 2)}`;
      return head + wrap(row.about, LABEL_WIDTH);
    });
    return heads.length === 0 ? [] : [group.title, ...heads];
  });
  const reading =
    'Medians over the rounds. p99: time of a round trip or call; for C one-way, time per message in the ' +
    'slowest hundredth of blocks of 1,024. "LiteIPC ×": how many times faster LiteIPC is than the ' +
    'row (below 1: slower), taken within each round.';
  return ['ROWS', '', ...lines, '', wrap(reading, 0)].join('\n');
}
