/**
 * Follows the course of a scenario while its steps are read in order: the living tasks, the saved
 * names and the started steps. Reports every reference that does not resolve.
 */
import type { Action, Process, Task } from './scenario.js';
import type { JsonValue } from '../common/json-source.js';

type TaskState = 'not forked yet' | 'alive' | 'ended';

interface Started {
  readonly action: Action;
  isJoined: boolean;
}

function quoted(names: Iterable<string>): string {
  const list = [...names].map((name) => JSON.stringify(name));
  return list.length === 0 ? 'there are none' : `there are ${list.join(', ')}`;
}

export class Course {
  readonly #processes: ReadonlyMap<string, Process>;
  readonly #tasks: ReadonlyMap<string, Task>;
  readonly #states = new Map<Task, TaskState>();
  readonly #handles = new Set<string>();
  readonly #messages = new Set<string>();
  readonly #started = new Map<string, Started>();

  /** `children`: names of the processes that a step forks. */
  constructor(processes: readonly Process[], children: ReadonlySet<string>) {
    this.#processes = new Map(processes.map((process) => [process.name, process]));
    const tasks = processes.flatMap((process) => process.tasks);
    this.#tasks = new Map(tasks.map((task) => [task.name, task]));
    for (const task of tasks) {
      this.#states.set(task, children.has(task.process.name) ? 'not forked yet' : 'alive');
    }
  }

  /** Returns any task of the scenario, alive or not. */
  task(value: JsonValue): Task | undefined {
    const name = value.string();
    if (name === undefined) return undefined;
    const task = this.#tasks.get(name);
    return task ?? value.complain(`no task "${name}"; ${quoted(this.#tasks.keys())}`);
  }

  /** Returns any process of the scenario, alive or not. */
  process(value: JsonValue): Process | undefined {
    const name = value.string();
    if (name === undefined) return undefined;
    const process = this.#processes.get(name);
    return process ?? value.complain(`no process "${name}"; ${quoted(this.#processes.keys())}`);
  }

  /**
   * Returns a task that can perform a step. A step that it started need not have ended: its next
   * step waits for that.
   */
  actor(value: JsonValue): Task | undefined {
    const task = this.task(value);
    if (task === undefined) return undefined;
    const state = this.#states.get(task);
    if (state === 'alive') return task;
    return value.complain(`task "${task.name}" ${state === 'ended' ? 'has ended' : `is ${state}`}`);
  }

  endTask(task: Task): void {
    this.#states.set(task, 'ended');
  }

  endProcess(process: Process): void {
    for (const task of process.tasks) this.endTask(task);
  }

  /** Starts the process that `value` names as a fork of `parent`. */
  fork(parent: Process, value: JsonValue): Process | undefined {
    const child = this.process(value);
    if (child === undefined) return undefined;
    const [main] = child.tasks;
    if (child === parent) return value.complain('a process cannot be its own child');
    if (main === undefined || child.tasks.length !== 1) {
      return value.complain(
        `a child has one task, the one that forked; "${child.name}" has ${child.tasks.length}`,
      );
    }
    if (this.#states.get(main) !== 'not forked yet') {
      return value.complain(`process "${child.name}" is forked twice`);
    }
    this.#states.set(main, 'alive');
    return child;
  }

  saveHandle(value: JsonValue): string | undefined {
    return this.#save(value, this.#handles);
  }

  saveMessage(value: JsonValue): string | undefined {
    return this.#save(value, this.#messages);
  }

  /** Saves a name. A name that is saved again refers to the last value. */
  #save(value: JsonValue, names: Set<string>): string | undefined {
    const name = value.string();
    if (name === undefined) return undefined;
    if (name === '') return value.complain('the name is empty');
    names.add(name);
    return name;
  }

  handle(value: JsonValue): string | undefined {
    return this.#saved(value, this.#handles, 'handle');
  }

  message(value: JsonValue): string | undefined {
    return this.#saved(value, this.#messages, 'message');
  }

  #saved(value: JsonValue, names: Set<string>, what: string): string | undefined {
    const name = value.string();
    if (name === undefined || names.has(name)) return name;
    return value.complain(`no ${what} "${name}" is saved before this step; ${quoted(names)}`);
  }

  start(value: JsonValue, action: Action): string | undefined {
    const label = value.string();
    if (label === undefined) return undefined;
    if (label === '') return value.complain('the label is empty');
    if (this.#started.get(label)?.isJoined === false) {
      return value.complain(`another step is started as "${label}" and not joined yet`);
    }
    this.#started.set(label, { action, isJoined: false });
    return label;
  }

  join(value: JsonValue): { label: string; action: Action } | undefined {
    const label = value.string();
    if (label === undefined) return undefined;
    const started = this.#started.get(label);
    if (started === undefined) {
      return value.complain(
        `no step is started as "${label}" before; ${quoted(this.#started.keys())}`,
      );
    }
    if (started.isJoined) return value.complain(`"${label}" is joined twice`);
    started.isJoined = true;
    return { label, action: started.action };
  }
}
