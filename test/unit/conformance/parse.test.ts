/** Tests the parser of scenarios: accepted texts, results, and the location of every complaint. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { formatComplaint } from '#lib/common/json-source.js';
import { MalformedScenario, parseScenario } from '#lib/conformance/parse.js';
import type { Scenario, Target } from '#lib/conformance/scenario.js';
import { scenarioFolder } from '#test/support/conformance.js';

const recorded = scenarioFolder('recorded');

/** Returns a scenario with `steps`; the first step is on line 6. */
function around(steps: readonly string[], head = ''): string {
  return `{
  "name": "x",
  "about": "for a test",${head}
  "processes": {"S": ["svc", "svc2"], "C": ["cli"], "K": ["kid"]},
  "steps": [
    ${steps.join(',\n    ')}
  ]
}`;
}

function complaints(text: string, target?: Target): readonly string[] {
  try {
    parseScenario(text, 'x.json', target);
    return [];
  } catch (error) {
    if (!(error instanceof MalformedScenario)) throw error;
    return error.complaints.map(formatComplaint);
  }
}

function parse(...steps: string[]): Scenario {
  return parseScenario(around(steps), 'x.json');
}

const receive = '{"task": "svc", "do": "msg", "flag": ["RECV"], "save": "m1", "start": "r1"}';
const send = (out: string): string =>
  `{"task": "cli", "do": "msg", "flag": ["SEND"], "out": {"type": "REQUEST", ${out}}}`;

test('every recorded scenario is parsed for both targets', (t) => {
  const names = readdirSync(recorded).filter((name) => name.endsWith('.json'));
  t.true(names.length >= 69);
  for (const name of names) {
    const text = readFileSync(join(recorded, name), 'utf8');
    const port = parseScenario(text, name, 'port');
    const kernel = parseScenario(text, name, 'kernel');
    t.is(port.name, name.replace('.json', ''));
    t.is(port.steps.length, kernel.steps.length);
    t.false(kernel.skip);
    t.is(port.skip, text.includes('"port": "skip"'));
  }
});

test('comments, trailing commas and a byte order mark are accepted', (t) => {
  const text = around(['{"task": "cli", /* here */ "do": "open",}, // there']);
  t.is(parseScenario(`\uFEFF${text}`, 'x.json').steps.length, 1);
});

test('a step has its number, line, task and process', (t) => {
  const [, step] = parse('{"task": "cli", "do": "open"}', '{"task": "svc2", "do": "close"}').steps;
  t.like(step, { number: 2, line: 7, want: 'OK', action: { do: 'close' } });
  t.is(step?.task?.name, 'svc2');
  t.is(step?.task?.process.name, 'S');
  t.deepEqual(
    step?.task?.process.tasks.map(({ name }) => name),
    ['svc', 'svc2'],
  );
});

test('mappings, CMS commands and messages have defaults', (t) => {
  const { steps } = parse(
    '{"task": "cli", "do": "mmap", "size": 1}',
    '{"task": "cli", "do": "cmsCmd", "cmd": "remove"}',
    send('"code": 5'),
  );
  t.deepEqual(steps[0]?.action, { do: 'mmap', size: 1, prot: 'r', flags: 'private' });
  const zero = { kind: 'number', number: 0n };
  t.deepEqual(steps[1]?.action as object, { do: 'cmsCmd', cmd: 1, of: zero, handle: zero });
  t.like(steps[2]?.action, {
    flag: 1,
    out: {
      ...{ type: zero, handle: zero, token: zero, cookie: zero, flag: zero, timestamp: zero },
      code: { kind: 'number', number: 5n },
      ...{ dataNull: false, offsetsNull: false },
    },
  });
});

test('64-bit integers are exact, including negative ones and sums', (t) => {
  const { steps } = parse(
    receive,
    '{"join": "r1"}',
    '{"task": "cli", "do": "ioctlRaw", "cmd": 4294967295, "arg": 18446744073709551615}',
    send('"handle": -1, "timestamp": {"add": [{"ts": "m1"}, -9007199254740993]}'),
  );
  t.deepEqual(steps[2]?.action, { do: 'ioctlRaw', cmd: 0xffff_ffff, arg: 2n ** 64n - 1n });
  t.like(steps[3]?.action, {
    out: {
      handle: { kind: 'number', number: -1n },
      timestamp: { kind: 'add', value: { kind: 'ts', message: 'm1' }, number: -9007199254740993n },
    },
  });
});

test('data of every kind is parsed', (t) => {
  const { steps } = parse(
    send(
      '"data": [{"u32": 1}, {"u64": 2}, {"hex": "00fF"}, {"str": "\\u00e4"}, {"fill": 7, "size": 9},' +
        ' {"obj": "fd", "fd": "pipe:r"}, {"obj": "ptr", "data": [{"str": ""}]},' +
        ' {"obj": "svc", "handle": {"tid": "svc"}, "token": 1}, {"obj": 7}]',
    ),
  );
  const action = steps[0]?.action;
  t.deepEqual(action?.do === 'msg' ? action.out?.data.map(({ kind }) => kind) : [], [
    ...(['u32', 'u64', 'bytes', 'bytes', 'fill', 'fd', 'ptr', 'svc', 'object'] as const),
  ]);
  t.like(action, {
    out: { data: { 2: { bytes: Buffer.from([0, 255]) }, 3: { bytes: Buffer.from([0xc3, 0xa4]) } } },
  });
});

test("the port's expectation replaces the recorded one for the port only", (t) => {
  const text = around([
    receive,
    '{"join": "r1", "wantMsg": {"code": 1}, "port": {"want": "ENOENT"}}',
  ]);
  const [, port] = parseScenario(text, 'x.json', 'port').steps;
  t.is(port?.want, 'ENOENT');
  t.is(port?.wantMessage, undefined);
  const [, kernel] = parseScenario(text, 'x.json', 'kernel').steps;
  t.is(kernel?.want, 'OK');
  t.like(kernel?.wantMessage, { code: { number: 1n } });
});

test('either target can be skipped', (t) => {
  const skips = (text: string): readonly boolean[] =>
    (['port', 'kernel'] as const).map((target) => parseScenario(text, 'x', target).skip);
  const steps = ['{"task": "cli", "do": "open"}'];
  t.deepEqual(skips(around(steps)), [false, false]);
  t.deepEqual(skips(around(steps, '"port": "skip",')), [true, false]);
  t.deepEqual(skips(around(steps, '"kernel": "skip",')), [false, true]);
});

/** Step lists, and the only complaint about each, without the file. */
const malformedSteps: Readonly<Record<string, readonly [readonly string[], string]>> = {
  'a result that is none': [
    ['{"task": "cli", "do": "open", "want": "EINVALL"}'],
    '6:43: steps[0].want: "EINVALL" is not a result; expected OK, FAIL, EINVAL, EACCES, ENOMEM, ' +
      'EEXIST, EFAULT, ETIME, ENOENT, ERFKILL, EBADF, ENODEV, EAGAIN, EPERM, EMFILE, EMSGSIZE',
  ],
  'an action that is none': [
    ['{"task": "cli", "do": "opne"}'],
    '6:27: steps[0].do: "opne" is not an action; expected open, close, mmap, setCms, setIpcThread, ' +
      'version, cmsCmd, ioctlRaw, msg, exitTask, exitProcess, fork, sleep, pool',
  ],
  'no action': [['{"task": "cli"}'], '6:5: steps[0]: "do" (or "join") is missing'],
  'no task': [['{"do": "open"}'], '6:5: steps[0]: "task" is missing'],
  'an unknown member': [
    ['{"task": "cli", "do": "close", "size": 4}'],
    '6:44: steps[0].size: unknown here; known are task, do, want, wantMsg, port, start',
  ],
  'a member twice': [
    ['{"task": "cli", "do": "open", "task": "svc"}'],
    '6:43: steps[0].task: occurs twice',
  ],
  'an unknown task': [
    ['{"task": "clo", "do": "open"}'],
    '6:14: steps[0].task: no task "clo"; there are "svc", "svc2", "cli", "kid"',
  ],
  'a task that is a number': [
    ['{"task": 3, "do": "open"}'],
    '6:14: steps[0].task: 3 is not a string',
  ],
  'a step of an ended task': [
    ['{"task": "svc", "do": "exitTask"}', '{"task": "svc", "do": "open"}'],
    '7:14: steps[1].task: task "svc" has ended',
  ],
  'a step of an ended process': [
    ['{"task": "svc", "do": "exitProcess"}', '{"task": "svc2", "do": "open"}'],
    '7:14: steps[1].task: task "svc2" has ended',
  ],
  'a child before its fork': [
    ['{"task": "kid", "do": "open"}', '{"task": "cli", "do": "fork", "child": "K"}'],
    '6:14: steps[0].task: task "kid" is not forked yet',
  ],
  'a child forked twice': [
    ['{"task": "cli", "do": "fork", "child": "K"}', '{"task": "svc", "do": "fork", "child": "K"}'],
    '7:44: steps[1].child: process "K" is forked twice',
  ],
  'a child of two tasks': [
    ['{"task": "cli", "do": "fork", "child": "S"}'],
    '6:44: steps[0].child: a child has one task, the one that forked; "S" has 2',
  ],
  'an unknown child': [
    ['{"task": "cli", "do": "fork", "child": "L"}'],
    '6:44: steps[0].child: no process "L"; there are "S", "C", "K"',
  ],
  'no child': [['{"task": "cli", "do": "fork"}'], '6:5: steps[0]: "child" is missing'],
  'no size': [['{"task": "cli", "do": "mmap"}'], '6:5: steps[0]: "size" is missing'],
  'a size out of range': [
    ['{"task": "cli", "do": "mmap", "size": -1}'],
    '6:43: steps[0].size: -1 is not an integer from 0 to 4294967295',
  ],
  'a size that is no integer': [
    ['{"task": "cli", "do": "mmap", "size": 1.5}'],
    '6:43: steps[0].size: 1.5 is not an integer from 0 to 4294967295',
  ],
  'an unknown protection': [
    ['{"task": "cli", "do": "mmap", "size": 1, "prot": "w"}'],
    '6:54: steps[0].prot: "w" is not a protection; expected r, rw',
  ],
  'an unknown kind of mapping': [
    ['{"task": "cli", "do": "mmap", "size": 1, "flags": "fixed"}'],
    '6:55: steps[0].flags: "fixed" is not a kind of mapping; expected private, shared',
  ],
  'a version of one number': [
    ['{"task": "cli", "do": "version", "wantVersion": [2]}'],
    '6:53: steps[0].wantVersion: [2] is not a version; expected [major, minor]',
  ],
  'a CMS command that is none': [
    ['{"task": "cli", "do": "cmsCmd", "cmd": "generate"}'],
    '6:44: steps[0].cmd: "generate" is not a CMS command; expected gen, remove, access',
  ],
  'a handle saved by another command than gen': [
    ['{"task": "cli", "do": "cmsCmd", "cmd": "access", "save": "h"}'],
    '6:62: steps[0].save: only "gen" returns a handle',
  ],
  'a value that is none': [
    [send('"handle": "svc"')],
    '6:89: steps[0].out.handle: "svc" is not a value; expected a number or one of {"tid": task}, ' +
      '{"pid": process}, {"var": handle}, {"ts": message}, {"add": [value, number]}',
  ],
  'a value of two kinds': [
    [send('"handle": {"tid": "svc", "pid": "S"}')],
    '6:89: steps[0].out.handle: {"tid": "svc", "pid": "S"} is not a value; expected a number or one ' +
      'of {"tid": task}, {"pid": process}, {"var": handle}, {"ts": message}, {"add": [value, number]}',
  ],
  'a value out of range': [
    [send('"handle": 4294967296')],
    '6:89: steps[0].out.handle: 4294967296 is not an integer from -2147483648 to 4294967295',
  ],
  'an unknown task in a value': [
    [send('"handle": {"tid": "S"}')],
    '6:97: steps[0].out.handle.tid: no task "S"; there are "svc", "svc2", "cli", "kid"',
  ],
  'an unknown process in a value': [
    [send('"handle": {"pid": "svc"}')],
    '6:97: steps[0].out.handle.pid: no process "svc"; there are "S", "C", "K"',
  ],
  'a handle that nobody saved': [
    [send('"handle": {"var": "h"}')],
    '6:97: steps[0].out.handle.var: no handle "h" is saved before this step; there are none',
  ],
  'a timestamp in 32 bits': [
    [receive, '{"join": "r1"}', send('"handle": {"ts": "m1"}')],
    '8:89: steps[2].out.handle: a timestamp has 64 bits and does not fit here',
  ],
  'a timestamp of a message that nobody saved': [
    [send('"timestamp": {"ts": "m1"}')],
    '6:99: steps[0].out.timestamp.ts: no message "m1" is saved before this step; there are none',
  ],
  'a timestamp of a message that is saved later': [
    [send('"timestamp": {"ts": "m1"}'), receive],
    '6:99: steps[0].out.timestamp.ts: no message "m1" is saved before this step; there are none',
  ],
  'a sum of three': [
    [send('"handle": {"add": [1, 2, 3]}')],
    '6:97: steps[0].out.handle.add: [1, 2, 3] is not a list of a value and a number',
  ],
  'a message type that is none': [
    ['{"task": "cli", "do": "msg", "flag": ["SEND"], "out": {"type": "ASK"}}'],
    '6:68: steps[0].out.type: "ASK" is not a message type; expected REQUEST, REPLY, FAILED_REPLY, ' +
      'DEATH_NOTIFY',
  ],
  'a message without a type': [
    ['{"task": "cli", "do": "msg", "flag": ["SEND"], "out": {"code": 1}}'],
    '6:59: steps[0].out: "type" is missing',
  ],
  'a message flag that is none': [
    [send('"flag": "SYNC"')],
    '6:87: steps[0].out.flag: "SYNC" is not a message flag; expected DEFAULT, ONEWAY',
  ],
  'no flags': [['{"task": "cli", "do": "msg"}'], '6:5: steps[0]: "flag" is missing'],
  'a flag that is none': [
    ['{"task": "cli", "do": "msg", "flag": ["READ"]}'],
    '6:43: steps[0].flag[0]: "READ" is not a flag; expected SEND, RECV, BUFF_FREE',
  ],
  'a flag twice': [
    ['{"task": "cli", "do": "msg", "flag": ["SEND", "SEND"]}'],
    '6:51: steps[0].flag[1]: "SEND" occurs twice',
  ],
  'flags that are no list': [
    ['{"task": "cli", "do": "msg", "flag": "SEND"}'],
    '6:42: steps[0].flag: "SEND" is not a list',
  ],
  'an odd number of hexadecimal digits': [
    [send('"data": [{"hex": "0ff"}]')],
    '6:96: steps[0].out.data[0].hex: "0ff" is not hexadecimal digits, two for each byte',
  ],
  'hexadecimal digits that are none': [
    [send('"data": [{"hex": "0g"}]')],
    '6:96: steps[0].out.data[0].hex: "0g" is not hexadecimal digits, two for each byte',
  ],
  'a part that is none': [
    [send('"data": [{"u16": 1}]')],
    '6:88: steps[0].out.data[0]: {"u16": 1} is not a part; expected an object with one of u32, u64, ' +
      'hex, str, fill, obj',
  ],
  'a part of two kinds': [
    [send('"data": [{"u32": 1, "u64": 1}]')],
    '6:106: steps[0].out.data[0].u64: unknown here; known are u32',
  ],
  'a fill without a size': [
    [send('"data": [{"fill": 1}]')],
    '6:88: steps[0].out.data[0]: "size" is missing',
  ],
  'a byte over 255': [
    [send('"data": [{"fill": 256, "size": 1}]')],
    '6:97: steps[0].out.data[0].fill: 256 is not an integer from 0 to 255',
  ],
  'data larger than anybody can send': [
    [send('"data": [{"fill": 1, "size": 1000000}, {"u32": 1}, {"fill": 1, "size": 48576}]')],
    '6:87: steps[0].out.data: more than 1048576 bytes of data',
  ],
  'a descriptor that is none': [
    [send('"data": [{"obj": "fd", "fd": "pipe"}]')],
    '6:108: steps[0].out.data[0].fd: "pipe" is not a descriptor; expected pipe:r, pipe:w, file, bad',
  ],
  'an object that is none': [
    [send('"data": [{"obj": "socket"}]')],
    '6:96: steps[0].out.data[0].obj: "socket" is not an object; expected fd, ptr, svc',
  ],
  'an object in a buffer': [
    [send('"data": [{"obj": "ptr", "data": [{"obj": "ptr", "data": []}]}]')],
    '6:112: steps[0].out.data[0].data[0]: a buffer of a "ptr" object holds plain parts, not objects',
  ],
  'a gap in a message to be sent': [
    [send('"data": [{"any": 4}]')],
    '6:88: steps[0].out.data[0]: {"any": 4} is not a part; expected an object with one of u32, u64, ' +
      'hex, str, fill, obj',
  ],
  'a buffer to free that is none': [
    ['{"task": "cli", "do": "msg", "flag": ["BUFF_FREE"], "free": {"in": "m1"}}'],
    '6:65: steps[0].free: {"in": "m1"} is not a buffer; expected the name of a saved message, ' +
      '{"ptr": address}, {"in": message, "offset": n} or {"obj": message, "index": n}',
  ],
  'a buffer to free that nobody saved': [
    ['{"task": "cli", "do": "msg", "flag": ["BUFF_FREE"], "free": "m1"}'],
    '6:65: steps[0].free: no message "m1" is saved before this step; there are none',
  ],
  'a message saved by a step that receives none': [
    ['{"task": "cli", "do": "msg", "flag": ["SEND"], "save": "m1"}'],
    '6:60: steps[0].save: the step receives nothing that could be saved: "flag" has no "RECV"',
  ],
  'a message wanted of a step that receives none': [
    ['{"task": "cli", "do": "msg", "flag": ["SEND"], "wantMsg": {"code": 1}}'],
    '6:63: steps[0].wantMsg: the step receives no message',
  ],
  'a message wanted of a step that cannot receive': [
    ['{"task": "cli", "do": "open", "wantMsg": {"code": 1}}'],
    '6:46: steps[0].wantMsg: the step receives no message',
  ],
  'a message wanted of a join of a step that receives none': [
    [
      '{"task": "cli", "do": "msg", "flag": ["SEND"], "start": "c1"}',
      '{"join": "c1", "wantMsg": {"code": 1}}',
    ],
    '7:31: steps[1].wantMsg: the step receives no message',
  ],
  'a message and an error wanted': [
    ['{"task": "svc", "do": "msg", "flag": ["RECV"], "want": "ETIME", "wantMsg": {"code": 1}}'],
    '6:80: steps[0].wantMsg: a step that wants ETIME receives no message',
  ],
  'a wanted field that is none': [
    ['{"task": "svc", "do": "msg", "flag": ["RECV"], "wantMsg": {"cod": 1}}'],
    '6:71: steps[0].wantMsg.cod: unknown here; known are type, handle, token, cookie, code, flag, ' +
      'dataSz, spObjNum, from, data',
  ],
  'a wanted sender that is none': [
    ['{"task": "svc", "do": "msg", "flag": ["RECV"], "wantMsg": {"from": "C"}}'],
    '6:72: steps[0].wantMsg.from: no task "C"; there are "svc", "svc2", "cli", "kid"',
  ],
  'a wanted object of an unknown type': [
    ['{"task": "svc", "do": "msg", "flag": ["RECV"], "wantMsg": {"data": [{"obj": 9}]}}'],
    '6:73: steps[0].wantMsg.data[0]: a message that was accepted has no objects of unknown types',
  ],
  'a label of two steps': [
    [receive, '{"task": "cli", "do": "msg", "flag": ["RECV"], "start": "r1"}'],
    '7:61: steps[1].start: another step is started as "r1" and not joined yet',
  ],
  'a result of a step that is joined': [
    ['{"task": "cli", "do": "msg", "flag": ["RECV"], "start": "r1", "want": "ETIME"}'],
    '6:75: steps[0].want: belongs to the step that joins "r1"',
  ],
  'a sleep that is started': [
    ['{"task": "cli", "do": "sleep", "ms": 1, "start": "s"}'],
    '6:54: steps[0].start: "sleep" cannot be started and joined',
  ],
  'a join of nothing': [
    ['{"join": "r1"}'],
    '6:14: steps[0].join: no step is started as "r1" before; there are none',
  ],
  'a join of a later step': [
    ['{"join": "r1"}', receive],
    '6:14: steps[0].join: no step is started as "r1" before; there are none',
  ],
  'a join twice': [
    [receive, '{"join": "r1"}', '{"join": "r1"}'],
    '8:14: steps[2].join: "r1" is joined twice',
  ],
  'a join with a task': [
    [receive, '{"join": "r1", "task": "svc"}'],
    '7:28: steps[1].task: unknown here; known are join, want, wantMsg, port',
  ],
  'an empty expectation of the port': [
    ['{"task": "cli", "do": "open", "port": {}}'],
    '6:43: steps[0].port: is empty; it takes "want" and "wantMsg"',
  ],
  'an unknown expectation of the port': [
    ['{"task": "cli", "do": "open", "port": {"want": "OK", "wants": 1}}'],
    '6:67: steps[0].port.wants: unknown here; known are want, wantMsg',
  ],
  'a sleep too long': [
    ['{"task": "cli", "do": "sleep", "ms": 60001}'],
    '6:42: steps[0].ms: 60001 is not an integer from 0 to 60000',
  ],
  'a pool of a size that is none': [
    ['{"task": "cli", "do": "pool", "wantUsed": "full"}'],
    '6:47: steps[0].wantUsed: "full" is not a use; expected empty',
  ],
  'a step that is no object': [['"open"'], '6:5: steps[0]: "open" is not an object'],
};

for (const [title, [steps, complaint]] of Object.entries(malformedSteps)) {
  test(`malformed step: ${title}`, (t) => {
    t.deepEqual(complaints(around(steps)), [`x.json:${complaint}`]);
    // A target that ignores an expectation still rejects it if it is malformed.
    t.deepEqual(complaints(around(steps), 'kernel'), [`x.json:${complaint}`]);
  });
}

const open = '{"task": "cli", "do": "open"}';
const rest = '"about": "", "processes": {"C": ["cli"]}, "steps": [{"task": "cli", "do": "open"}]';

/** Texts, and the only complaint about each, without the file. */
const malformedFiles: Readonly<Record<string, readonly [string, string]>> = {
  'an empty file': ['', '1:1: not valid JSON: value expected'],
  'no JSON': ['{\n  "name" "x"\n}', '2:10: not valid JSON: colon expected'],
  'a file that ends early': ['{"name": "x"', '1:13: not valid JSON: close brace expected'],
  'two documents': ['{} {}', '1:4: not valid JSON: end of file expected'],
  'a list': ['[]', '1:1: [] is not an object'],
  'no name': [`{${rest}}`, '1:1: "name" is missing'],
  'a name with a blank': [
    `{"name": "a b", ${rest}}`,
    '1:10: name: "a b" is not a name: a letter, then up to 63 of [A-Za-z0-9_.-]',
  ],
  'an unknown member': [
    `{"name": "x", "version": 1, ${rest}}`,
    '1:26: version: unknown here; known are name, about, deviation, port, kernel, abi, ' +
      'processes, steps',
  ],
  'a deviation that is none': [
    `{"name": "x", "deviation": "7", ${rest}}`,
    '1:28: deviation: "7" is not a deviation such as "D7" or "D7, D11"',
  ],
  'a port that is not skipped': [
    `{"name": "x", "port": "run", ${rest}}`,
    '1:23: port: "run" is not known here; expected skip',
  ],
  'another ABI': [
    `{"name": "x", "abi": "ilp32", ${rest}}`,
    '1:22: abi: "ilp32" is not known here; expected lp64',
  ],
  'skipped by everybody': [
    `{"name": "x", "port": "skip", "kernel": "skip", ${rest}}`,
    '1:41: kernel: no target would run the scenario, because the port skips it as well',
  ],
  'no process': [
    `{"name": "x", "about": "", "processes": {}, "steps": [${open}]}`,
    '1:41: processes: there is no process',
  ],
  'a process without tasks': [
    `{"name": "x", "about": "", "processes": {"C": ["cli"], "D": []}, "steps": [${open}]}`,
    '1:61: processes.D: a process has at least one task',
  ],
  'a task given twice': [
    `{"name": "x", "about": "", "processes": {"C": ["cli"], "D": ["cli"]}, "steps": [${open}]}`,
    '1:62: processes.D[0]: there are two tasks "cli"',
  ],
  'a process given twice': [
    `{"name": "x", "about": "", "processes": {"C": ["cli"], "C": ["d"]}, "steps": [${open}]}`,
    '1:61: processes.C: occurs twice',
  ],
  'no step': [
    '{"name": "x", "about": "", "processes": {"C": ["cli"]}, "steps": []}',
    '1:66: steps: there is no step',
  ],
  'steps that are no list': [
    '{"name": "x", "about": "", "processes": {"C": ["cli"]}, "steps": {}}',
    '1:66: steps: {} is not a list',
  ],
};

for (const [title, [text, complaint]] of Object.entries(malformedFiles)) {
  test(`malformed file: ${title}`, (t) => {
    t.deepEqual(complaints(text), [`x.json:${complaint}`]);
  });
}

test('all problems are reported together', (t) => {
  const text = around([
    '{"task": "clo", "do": "open"}',
    '{"task": "cli", "do": "mmap", "size": "big"}',
    '{"task": "cli", "do": "open", "want": "EWHAT"}',
  ]);
  t.deepEqual(
    complaints(text).map((complaint) => complaint.split(':').slice(0, 4).join(':')),
    ['x.json:6:14: steps[0].task', 'x.json:7:43: steps[1].size', 'x.json:8:43: steps[2].want'],
  );
});

test('scenarios that are damaged at any position do not crash the parser', (t) => {
  const text = readFileSync(join(recorded, 'obj-ptr.json'), 'utf8');
  let malformed = 0;
  for (let at = 0; at < text.length; at += 1) {
    for (const damaged of [text.slice(0, at) + text.slice(at + 1), text.slice(0, at)]) {
      malformed += complaints(damaged).length > 0 ? 1 : 0;
    }
  }
  t.true(malformed > text.length);
});
