// One call through the rooms and files: blue is the request, green the reply.
import {
  arrow,
  blue,
  bold,
  box,
  green,
  lines,
  muted,
  orange,
  picture,
  replyColor,
  requestColor,
  small,
  text,
  white,
} from './shapes.mjs';

const ROW = 78;
const BOX_HEIGHT = 56;
const panel = { fill: '#fbfcfd', border: '#d5dbe1' };

/** Rooms, from top to bottom. Row 0 is the program. */
const roomNames = [
  ...['', 'lib/client', 'lib/calls / service', 'lib/wire', 'lib/connection'],
  ...['native/addon', 'native/device', 'native/kernel', 'native/queue'],
];
const y = (row) => -row * ROW;
const LANE_REPLY = y(8) - 98;
const LANE_REQUEST = LANE_REPLY - 66;

const shapes = [];

/** Draws files from the first row to the last, [row, note, ...files], with arrows between them. */
function column(name, x, color, steps) {
  for (const [row, note, ...files] of steps) {
    const paint = row === 0 ? orange : row < 5 ? blue : green;
    const label = lines(...files.map((file) => bold(file, 13)), small(note, 11));
    shapes.push(box(`${name}${row}`, x, y(row), 200, BOX_HEIGHT, label, paint));
  }
  const edge = BOX_HEIGHT / 2;
  for (let index = 1; index < steps.length; index++) {
    const [from, to] = [steps[index - 1][0], steps[index][0]];
    const direction = from < to ? -1 : 1;
    const [start, end] = [y(from) + direction * edge, y(to) - direction * edge];
    shapes.push(arrow(color, [x, start], [x, end]));
  }
}

for (const [name, x, title] of [
  ['caller', 0, 'Process of the caller'],
  ['callee', 640, 'Process of the service'],
]) {
  shapes.push(box(name, x, -299.5, 480, 749, '""', panel), text(x, 53, bold(title, 17)));
}
for (const [row, name] of roomNames.entries()) {
  if (row > 0) shapes.push(text(320, y(row), bold(name, 13, muted)));
}

column('request', -110, requestColor, [
  [0, 'the program', 'calculator.add([1, 2])'],
  [1, 'chooses the route', 'proxy.ts, lookup-target.ts'],
  [2, 'takes a slot, sends', 'requests.ts, call-table.ts,', 'send-queue.ts'],
  [3, 'encodes the input', 'codec.ts'],
  [5, 'sendRequest', 'device_object.cc'],
  [6, 'LiteIpcSendRequest', 'events.c'],
  [7, 'checks, writes, rings the bell', 'write.c, outbound.c'],
  [8, 'publishes the record', 'ring_writer.c'],
]);
column('arrived', 750, requestColor, [
  [8, 'finds the record', 'ring_reader.c'],
  [7, 'copies, checks, delivers', 'inbound_look.c, arrival.c,', 'read.c'],
  [6, 'LiteIpcReceive', 'events.c'],
  [5, 'writes the event', 'event_loop.cc,', 'event_batch.cc'],
  [4, 'route, authorize, decode, run', 'connection.ts,', 'request-dispatcher.ts'],
  [3, 'decodes the input', 'codec.ts'],
  [2, 'validates, calls', 'incoming-call.ts, host.ts,', 'invoke.ts'],
  [0, 'the implementation', 'add: ([a, b]) =&gt; a + b'],
]);
column('reply', 530, replyColor, [
  [2, 'answers the request', 'replies.ts'],
  [3, 'encodes the output', 'codec.ts'],
  [5, 'sendReply', 'device_object.cc'],
  [6, 'LiteIpcSendReply', 'events.c'],
  [7, 'writes, rings the bell', 'write.c, outbound.c'],
  [8, 'publishes the record', 'ring_writer.c'],
]);
column('result', 110, replyColor, [
  [8, 'finds the record', 'ring_reader.c'],
  [7, 'copies, matches the call', 'inbound_look.c, arrival.c,', 'call.c'],
  [6, 'LiteIpcReceive', 'events.c'],
  [5, 'writes the event', 'event_loop.cc,', 'event_batch.cc'],
  [4, 'finds the slot', 'connection.ts,', 'incoming-message.ts'],
  [3, 'decodes the output', 'codec.ts'],
  [2, 'resolves the promise', 'call-table.ts'],
  [0, 'the program continues', '3'],
]);
shapes.push(arrow(replyColor, [650, 0], [530, 0], [530, y(2) + BOX_HEIGHT / 2]));

const floor = y(8) - BOX_HEIGHT / 2;
for (const [name, at, color, from, to, title] of [
  ['lane1', LANE_REQUEST, requestColor, -110, 750, 'lane of the caller'],
  ['lane2', LANE_REPLY, replyColor, 530, 110, 'lane of the service'],
]) {
  const label = `<${bold(title)}${small('   shared memory, one writer', 11)}>`;
  const paint = { ...white, border: color };
  shapes.push(box(name, 320, at, 330, 40, label, paint, ', penwidth=1.6'));
  const [near, far] = from < to ? [155, 485] : [485, 155];
  shapes.push(arrow(color, [from, floor], [from, at], [near, at]));
  shapes.push(arrow(color, [far, at], [to, at], [to, floor]));
}

export const call = picture(shapes);
