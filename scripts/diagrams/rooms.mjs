// The rooms of lib/ and native/. Each row uses only rows below it.
import {
  blue,
  bold,
  cell,
  green,
  orange,
  picture,
  plainCell,
  small,
  table,
  violet,
} from './shapes.mjs';

const WIDTH = 500;
const columns = 6;

/** A row of rooms, each [name, description]. */
function row(color, ...rooms) {
  const width = { 1: WIDTH, 2: 245, 3: 160 }[rooms.length];
  const shape = { span: columns / rooms.length, width, style: ' STYLE="ROUNDED"' };
  return rooms.map(([name, detail]) => cell(bold(name, 15), small(detail, 11), color, shape));
}

const title = (name, detail) => [
  plainCell(`${bold(name, 20)}${small(`   ${detail}`, 13)}`, columns),
];

const lib = [
  title('lib/', 'TypeScript'),
  row(blue, ['cli', 'command line']),
  row(blue, ['doctor', 'diagnosis of machine and domain']),
  row(blue, [
    'index.ts, native.ts, opentelemetry.ts',
    'exports of the package, with manager/index.ts',
  ]),
  row(
    blue,
    ['manager', 'ServiceManager: names, rights, audit'],
    ['worker-pool', 'services in worker threads'],
  ),
  row(blue, ['device', 'an opened device and the services it exposes']),
  row(blue, ['client', 'client objects and the targets of their calls']),
  row(blue, ['registry', 'protocol between devices and the ServiceManager']),
  row(blue, ['connection', 'dispatches the events of one connection to a domain']),
  row(blue, ['calls', 'calls in flight at the caller'], ['service', 'calls at the implementation']),
  row(blue, ['streams', 'batches and flow control'], ['attachments', 'large values, references']),
  row(blue, ['wire', 'encoding of messages']),
  row(blue, ['contract', 'methods, types, validation']),
  row(blue, ['native', 'binding to the addon'], ['ipc-io', 'parcels of the small system']),
  row(blue, ['common', 'errors, checks of arguments']),
];

const beside = [
  title('beside them', 'they use only contract, native and common'),
  row(violet, ['policy', 'rules, quotas, policy files'], ['trace', 'records of messages']),
  row(
    violet,
    ['conformance', 'runs scenarios'],
    ['compare-source', 'reads the source of the kernel'],
  ),
];

const native = [
  title('native/', 'C core and Node addon'),
  row(orange, ['types/native.d.ts', 'the contract between lib/native and native/addon']),
  row(
    green,
    ['addon', 'Node-API'],
    ['preload', '/dev/lite_ipc'],
    ['conformance', 'scenarios in C'],
  ),
  row(green, ['device', 'ioctl interface, event interface']),
  row(
    green,
    ['kernel', 'data path: send, receive, free'],
    ['kernel/control_path', 'rights, tasks, roles'],
  ),
  row(green, ['queue', 'ring of a lane'], ['mem', 'slab pool'], ['domain', 'the domain server']),
  row(green, ['control', 'control table, control messages']),
  row(green, ['platform', 'shared memory, bells, descriptors, clock']),
  row(orange, ['include/liteipc', 'public headers: liteipc.h, hm_liteipc.h, ipc_io.h']),
];

export const rooms = picture([
  table('lib', 0, 0, 6, lib),
  table('native', 580, -156, 6, native),
  table('beside', 580, 312, 6, beside),
]);
