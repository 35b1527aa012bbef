/** Reads the steps of a scenario: the actor, the action and the expected result. */
import type { Course } from './course.js';
import type { JsonValue, Members } from '../common/json-source.js';
import {
  optional,
  readOutMessage,
  readUint32,
  readValue,
  readWantedMessage,
} from './read-message.js';
import {
  errorNames,
  type Action,
  type FreeTarget,
  type Step,
  type Target,
  type Task,
  type Value,
  type Want,
  type WantedMessage,
} from './scenario.js';
import { defined } from '../common/values.js';

const wants: readonly Want[] = ['OK', 'FAIL', ...errorNames];

const sizeMax = 0xffff_ffff;
const sleepMax = 60_000;
const receiveFlag = 2;

/** The input of an action's reader. */
interface StepContext {
  readonly task: Task;
  readonly step: JsonValue;
  readonly members: Members;
  readonly course: Course;
}

/** Reads one member of a step and reports it if it is missing. */
function needed<T>(
  context: StepContext,
  name: string,
  read: (value: JsonValue) => T | undefined,
): T | undefined {
  if (!context.members.has(name)) return context.step.complain(`"${name}" is missing`);
  return optional(context.members, name, read);
}

const zero: Value = { kind: 'number', number: 0n };

const commandNames = ['gen', 'remove', 'access'];

function readMapping(context: StepContext): Action | undefined {
  const size = needed(context, 'size', (value) => value.integer(0, sizeMax));
  const prot = context.members.has('prot')
    ? needed(context, 'prot', (value) => value.oneOf(['r', 'rw'] as const, 'a protection'))
    : 'r';
  const flags = context.members.has('flags')
    ? needed(context, 'flags', (value) =>
        value.oneOf(['private', 'shared'] as const, 'a kind of mapping'),
      )
    : 'private';
  return size === undefined || !prot || !flags ? undefined : { do: 'mmap', size, prot, flags };
}

function readVersion({ members }: StepContext): Action | undefined {
  const value = members.get('wantVersion');
  if (value === undefined) return { do: 'version' };
  const [major, minor, ...others] = value.elements() ?? [];
  if (major === undefined || minor === undefined || others.length > 0) {
    return value.expected('a version; expected [major, minor]');
  }
  const [majorNumber, minorNumber] = [major.integer(0, 0xffff), minor.integer(0, 0xffff)];
  if (majorNumber === undefined || minorNumber === undefined) return undefined;
  return { do: 'version', wantVersion: [majorNumber, minorNumber] };
}

function readCommand(value: JsonValue): number | undefined {
  if (value.isNumber) return readUint32(value);
  const name = value.oneOf(commandNames, 'a CMS command');
  return name === undefined ? undefined : commandNames.indexOf(name);
}

function readCmsCommand(context: StepContext): Action | undefined {
  const { members, course } = context;
  const cmd = needed(context, 'cmd', readCommand);
  const of = members.has('of') ? needed(context, 'of', (value) => readValue(value, course)) : zero;
  const handle = members.has('handle')
    ? needed(context, 'handle', (value) => readValue(value, course))
    : zero;
  const saved = members.get('save');
  if (saved !== undefined && cmd !== undefined && cmd !== 0) {
    saved.complain('only "gen" returns a handle');
  }
  const save = saved && course.saveHandle(saved);
  if (cmd === undefined || of === undefined || handle === undefined) return undefined;
  return { do: 'cmsCmd', cmd, of, handle, ...(save === undefined ? {} : { save }) };
}

function readRawIoctl(context: StepContext): Action | undefined {
  const cmd = needed(context, 'cmd', readUint32);
  const arg = needed(context, 'arg', (value) => value.bigint(-(1n << 63n), (1n << 64n) - 1n));
  return cmd === undefined || arg === undefined ? undefined : { do: 'ioctlRaw', cmd, arg };
}

const messageBits = ['SEND', 'RECV', 'BUFF_FREE'] as const;

function readFlags(value: JsonValue): number | undefined {
  let flag: number | undefined = 0;
  for (const element of value.elements() ?? []) {
    const name = element.oneOf(messageBits, 'a flag');
    const bit = name === undefined ? undefined : 1 << messageBits.indexOf(name);
    if (bit !== undefined && flag !== undefined && (flag & bit) !== 0) {
      element.complain(`"${name}" occurs twice`);
    }
    flag = bit === undefined || flag === undefined ? undefined : flag | bit;
  }
  return flag;
}

function readFree(value: JsonValue, course: Course): FreeTarget | undefined {
  if (value.isString) {
    const message = course.message(value);
    return message === undefined ? undefined : { kind: 'message', message, offset: 0 };
  }
  const names = [...(value.isObject ? (value.members()?.keys() ?? []) : [])];
  switch (names.sort().join()) {
    case 'ptr': {
      const address = readMember(value, 'ptr', (each) => each.bigint(0n, (1n << 64n) - 1n));
      return address === undefined ? undefined : { kind: 'address', address };
    }
    case 'in,offset': {
      const message = readMember(value, 'in', (each) => course.message(each));
      const offset = readMember(value, 'offset', (each) => each.integer(-(2 ** 31), 2 ** 31 - 1));
      return message === undefined || offset === undefined
        ? undefined
        : { kind: 'message', message, offset };
    }
    case 'index,obj': {
      const message = readMember(value, 'obj', (each) => course.message(each));
      const index = readMember(value, 'index', (each) => each.integer(0, 1023));
      return message === undefined || index === undefined
        ? undefined
        : { kind: 'object', message, index };
    }
    default:
      return value.expected(
        'a buffer; expected the name of a saved message, {"ptr": address}, ' +
          '{"in": message, "offset": n} or {"obj": message, "index": n}',
      );
  }
}

function readMember<T>(
  value: JsonValue,
  name: string,
  read: (value: JsonValue) => T | undefined,
): T | undefined {
  return optional(value.members() ?? new Map<string, JsonValue>(), name, read);
}

function readMessageStep(context: StepContext): Action | undefined {
  const { members, course } = context;
  const flag = needed(context, 'flag', readFlags);
  const out = optional(members, 'out', (value) => readOutMessage(value, course));
  const free = optional(members, 'free', (value) => readFree(value, course));
  const saved = members.get('save');
  if (saved !== undefined && flag !== undefined && (flag & receiveFlag) === 0) {
    saved.complain('the step receives nothing that could be saved: "flag" has no "RECV"');
  }
  const save = saved && course.saveMessage(saved);
  if (flag === undefined) return undefined;
  return { do: 'msg', flag, ...defined({ out, free, save }) };
}

function readPool(context: StepContext): Action | undefined {
  const wantUsed = needed(context, 'wantUsed', (value) =>
    value.isString ? value.oneOf(['empty'] as const, 'a use') : value.integer(0, sizeMax),
  );
  return wantUsed === undefined ? undefined : { do: 'pool', wantUsed };
}

interface ActionReader {
  /** Members of the step besides those that every step has. */
  readonly members: readonly string[];
  /** True for a call of the device, which can be started and joined. */
  readonly isCall: boolean;
  readonly read: (context: StepContext) => Action | undefined;
}

const call = (
  members: readonly string[],
  read: (context: StepContext) => Action | undefined,
): ActionReader => ({ members, isCall: true, read });

const event = (
  members: readonly string[],
  read: (context: StepContext) => Action | undefined,
): ActionReader => ({ members, isCall: false, read });

const actionReaders: Readonly<Record<string, ActionReader>> = {
  open: call([], () => ({ do: 'open' })),
  close: call([], () => ({ do: 'close' })),
  mmap: call(['size', 'prot', 'flags'], readMapping),
  setCms: call(['maxMsgSize'], (context) => {
    const maxMsgSize = needed(context, 'maxMsgSize', readUint32);
    return maxMsgSize === undefined ? undefined : { do: 'setCms', maxMsgSize };
  }),
  setIpcThread: call([], () => ({ do: 'setIpcThread' })),
  version: call(['wantVersion'], readVersion),
  cmsCmd: call(['cmd', 'of', 'handle', 'save'], readCmsCommand),
  ioctlRaw: call(['cmd', 'arg'], readRawIoctl),
  msg: call(['flag', 'out', 'free', 'save'], readMessageStep),
  exitTask: event([], ({ task, course }) => {
    course.endTask(task);
    return { do: 'exitTask' };
  }),
  exitProcess: event([], ({ task, course }) => {
    course.endProcess(task.process);
    return { do: 'exitProcess' };
  }),
  fork: event(['child'], (context) => {
    const { course, task } = context;
    const child = needed(context, 'child', (value) => course.fork(task.process, value));
    return child && { do: 'fork', child };
  }),
  sleep: event(['ms'], (context) => {
    const ms = needed(context, 'ms', (value) => value.integer(0, sleepMax));
    return ms === undefined ? undefined : { do: 'sleep', ms };
  }),
  pool: event(['wantUsed'], readPool),
};

interface Expectation {
  readonly want: Want;
  readonly wantMessage?: WantedMessage;
}

/**
 * Reads `want` and `wantMsg` of the step or of the port. `receives`: the call delivers a message.
 */
function readExpectation(members: Members, course: Course, receives: boolean): Expectation {
  const want = optional(members, 'want', (value) => value.oneOf(wants, 'a result')) ?? 'OK';
  const value = members.get('wantMsg');
  if (value === undefined) return { want };
  if (!receives) value.complain('the step receives no message');
  if (want !== 'OK') value.complain(`a step that wants ${want} receives no message`);
  const wantMessage = readWantedMessage(value, course);
  return { want, ...(wantMessage === undefined ? {} : { wantMessage }) };
}

/** Reads the expectation for `target`. The port's own expectation is read in any case. */
function readWanted(
  members: Members,
  course: Course,
  receives: boolean,
  target: Target,
): Expectation {
  const recorded = readExpectation(members, course, receives);
  const port = members.get('port');
  if (port === undefined) return recorded;
  const own = port.object(['want', 'wantMsg']);
  if (own === undefined) return recorded;
  if (own.size === 0) port.complain('is empty; it takes "want" and "wantMsg"');
  const replaced = readExpectation(own, course, receives);
  return target === 'port' ? replaced : recorded;
}

function readJoin(step: JsonValue, course: Course, number: number, target: Target) {
  const members = step.object(['join', 'want', 'wantMsg', 'port']);
  const joined = members && optional(members, 'join', (value) => course.join(value));
  if (members === undefined || joined === undefined) return undefined;
  const { label, action } = joined;
  const receives = action.do === 'msg' && (action.flag & receiveFlag) !== 0;
  const wanted = readWanted(members, course, receives, target);
  return { number, line: step.line, action: { do: 'join', label }, ...wanted } as const;
}

/** Reads step `number` and applies it to `course`. */
export function readStep(
  step: JsonValue,
  course: Course,
  number: number,
  target: Target,
): Step | undefined {
  const all = step.members();
  if (all === undefined) return undefined;
  if (all.has('join')) return readJoin(step, course, number, target);

  const verb = all.get('do');
  if (verb === undefined) return step.complain('"do" (or "join") is missing');
  const name = verb.oneOf(Object.keys(actionReaders), 'an action');
  const reader = name === undefined ? undefined : actionReaders[name];
  if (reader === undefined) return undefined;
  const members = step.object(
    ['task', 'do', ...reader.members, 'want', 'wantMsg', 'port', 'start'],
    ['task'],
  );
  if (members === undefined) return undefined;
  const task = optional(members, 'task', (value) => course.actor(value));
  if (task === undefined) return undefined;
  const action = reader.read({ task, step, members, course });
  if (action === undefined) return undefined;
  const receives = action.do === 'msg' && (action.flag & receiveFlag) !== 0;
  const wanted = readWanted(members, course, receives, target);

  const label = members.get('start');
  if (label === undefined) return { number, line: step.line, task, action, ...wanted };
  if (!reader.isCall) label.complain(`"${action.do}" cannot be started and joined`);
  for (const each of ['want', 'wantMsg', 'port']) {
    members.get(each)?.complain(`belongs to the step that joins ${label.written}`);
  }
  const start = course.start(label, action);
  return { number, line: step.line, task, action, want: 'OK', ...(start && { start }) };
}
