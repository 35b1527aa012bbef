/**
 * Reads and checks scenarios. docs/scenario-format.md describes the format. The result is resolved,
 * in range, and has the target's expectations applied.
 */
import { Course } from './course.js';
import {
  JsonSource,
  formatComplaint,
  type Complaint,
  type JsonValue,
} from '../common/json-source.js';
import { optional } from './read-message.js';
import { readStep } from './read-step.js';
import type { Process, Scenario, Step, Target, Task } from './scenario.js';

const processesMax = 32;
const tasksMax = 64;

/** Thrown if a scenario cannot be run as written. `complaints` has at least one element. */
export class MalformedScenario extends Error {
  override name = 'MalformedScenario';

  constructor(readonly complaints: readonly Complaint[]) {
    super(complaints.map(formatComplaint).join('\n'));
  }
}

const identifier = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

function readName(value: JsonValue): string | undefined {
  const name = value.string();
  if (name === undefined || identifier.test(name)) return name;
  return value.expected('a name: a letter, then up to 63 of [A-Za-z0-9_.-]');
}

function readProcesses(value: JsonValue): readonly Process[] | undefined {
  const members = value.members();
  if (members === undefined) return undefined;
  if (members.size === 0) return value.complain('there is no process');
  if (members.size > processesMax) return value.complain(`more than ${processesMax} processes`);
  const processes: Process[] = [];
  const known = new Set<string>();
  for (const [name, list] of members) {
    if (!identifier.test(name)) {
      list.complain(`${JSON.stringify(name)} is not a name: a letter, then [A-Za-z0-9_.-]`);
    }
    const tasks: Task[] = [];
    const process: Process = { name, tasks };
    const elements = list.elements();
    if (elements?.length === 0) list.complain('a process has at least one task');
    for (const element of elements ?? []) {
      const task = readName(element);
      if (task === undefined) continue;
      if (known.has(task)) element.complain(`there are two tasks "${task}"`);
      known.add(task);
      tasks.push({ name: task, process });
    }
    processes.push(process);
  }
  if (known.size > tasksMax) return value.complain(`more than ${tasksMax} tasks`);
  return processes;
}

/** Returns the names of processes that start as forks. They do nothing before that. */
function findChildren(steps: readonly JsonValue[]): ReadonlySet<string> {
  const children = new Set<string>();
  for (const { node } of steps) {
    if (node.type !== 'object') continue;
    const members = new Map(
      (node.children ?? []).map(({ children: pair }) => [pair?.[0]?.value, pair?.[1]?.value]),
    );
    if (members.get('do') === 'fork') children.add(String(members.get('child')));
  }
  return children;
}

function readSteps(
  value: JsonValue,
  processes: readonly Process[],
  target: Target,
): readonly Step[] | undefined {
  const elements = value.elements();
  if (elements === undefined) return undefined;
  if (elements.length === 0) return value.complain('there is no step');
  const course = new Course(processes, findChildren(elements));
  const steps = elements.map((step, index) => readStep(step, course, index + 1, target));
  return steps.filter((step) => step !== undefined);
}

/**
 * Reads the text of one scenario. `file` is its name in complaints.
 *
 * @throws {MalformedScenario} with all faults of the scenario
 */
export function parseScenario(text: string, file: string, target: Target = 'port'): Scenario {
  const source = new JsonSource(file, text);
  const root = source.parse();
  const members = root?.object(
    ['name', 'about', 'deviation', 'port', 'kernel', 'abi', 'processes', 'steps'],
    ['name', 'about', 'processes', 'steps'],
  );
  let scenario: Scenario | undefined;
  if (members !== undefined) {
    const name = optional(members, 'name', readName) ?? '';
    const about = optional(members, 'about', (value) => value.string()) ?? '';
    const deviation = optional<string>(members, 'deviation', (value) => {
      const text = value.string();
      if (text === undefined || /^D[1-9]\d*(, D[1-9]\d*)*$/.test(text)) return text;
      return value.expected('a deviation such as "D7" or "D7, D11"');
    });
    const skipped = (each: Target): boolean =>
      optional(members, each, (value) => value.oneOf(['skip'] as const, 'known here')) === 'skip';
    const skips = { port: skipped('port'), kernel: skipped('kernel') };
    if (skips.port && skips.kernel) {
      members
        .get('kernel')
        ?.complain('no target would run the scenario, because the port skips it as well');
    }
    const abi = optional(members, 'abi', (value) => value.oneOf(['lp64'] as const, 'known here'));
    const processes = optional(members, 'processes', readProcesses);
    // Without the processes, every name in the steps would be unknown.
    const steps =
      processes && optional(members, 'steps', (value) => readSteps(value, processes, target));
    scenario = {
      file,
      name,
      about,
      ...(deviation === undefined ? {} : { deviation }),
      skip: skips[target],
      ...(abi === undefined ? {} : { abi }),
      processes: processes ?? [],
      steps: steps ?? [],
    };
  }
  if (scenario === undefined || source.complaints.length > 0) {
    throw new MalformedScenario(source.complaints);
  }
  return scenario;
}
