// One lane: ring, cursors, bell, and the pool of the receiver. Only the sender writes blue pages.
// Only the receiver writes green pages.
import {
  arrow,
  bellColor,
  blue,
  bold,
  box,
  cell,
  green,
  grey,
  lines,
  orange,
  picture,
  plainCell,
  replyColor,
  requestColor,
  small,
  table,
  text,
  white,
} from './shapes.mjs';

const panel = { fill: '#fbfcfd', border: '#d5dbe1' };
const field = (name, detail, color, width) =>
  cell(bold(name, 12.5), detail === '' ? '' : small(detail, 10), color, { width, height: 42 });
const heading = (name, detail, span) => [plainCell(`${bold(name)}${small(`   ${detail}`)}`, span)];
/** Left edges of the receiver's and the sender's boxes, and edges of the lane. */
const [SENDER, LANE_LEFT, LANE_RIGHT, RECEIVER] = [-394, -250, 250, 394];

const ring = [
  heading('ring', 'only the sender writes it', 5),
  [
    field('header', '', blue, 60),
    field('consumed', '', grey, 80),
    field('record 41', 'header, data', blue, 80),
    field('record 42', 'header, data', blue, 80),
    field('free', '', white, 120),
  ],
  ['', '', small('taken', 11), '', small('written', 11)].map((mark) => plainCell(mark)),
];
const cursors = [
  heading('cursors', 'only the receiver writes them', 4),
  [
    field('taken', 'ring bytes consumed', green, 90),
    field('freed', 'pool bytes returned', green, 100),
    field('freedElsewhere', 'by other threads', green, 120),
    field('armed', 'odd: ring the bell', green, 105),
  ],
];

const step = (x, y, color, title, detail) =>
  text(x, y, bold(title, 12.5, color), ...(detail === undefined ? [] : [small(detail, 10.5)]));

export const lane = picture([
  box('sender', -505, 62, 270, 520, '""', panel),
  box('shared', 0, 62, 500, 520, '""', white, ', style="rounded,dashed"'),
  box('receiver', 505, 62, 270, 520, '""', panel),
  text(-505, 294, bold('Process of the sender', 17)),
  text(0, 294, bold('Lane: shared by both', 17)),
  text(505, 294, bold('Process of the receiver', 17)),

  table('cursors', 0, 180, 0, cursors),
  table('ring', 0, 15, 0, ring),
  box(
    'bell',
    0,
    -135,
    260,
    52,
    lines(bold('bell'), small('a pipe; one byte wakes the receiver')),
    orange,
  ),

  box(
    ...['producer', -505, 20, 220, 390],
    lines(
      ...[bold('sending thread'), small('leases the lane: one producer'), small(' ')],
      ...[small('sent - freed may not exceed'), small('the pool size, else ENOMEM')],
    ),
    blue,
  ),
  box(
    'program',
    505,
    230,
    220,
    54,
    lines(bold('program'), small('sees messages read-only')),
    orange,
  ),
  box(
    ...['pool', 505, 118, 220, 76],
    lines(
      ...[bold('pool'), small('private memory of the receiver;')],
      small('the copy is checked, then delivered'),
    ),
    green,
  ),
  box(
    ...['consumer', 505, -70, 220, 210],
    lines(
      ...[bold('receiving thread'), small('one consumer'), small(' ')],
      ...[small('polls hot lanes, arms the others,'), small('sleeps in epoll')],
    ),
    green,
  ),

  arrow(requestColor, [LANE_LEFT, 170], [SENDER, 170]),
  step(-322, 188, requestColor, '1  read', 'taken, freed'),
  arrow(requestColor, [SENDER, 10], [LANE_LEFT, 10]),
  step(-322, 28, requestColor, '2  publish', 'release store'),
  arrow(requestColor, [SENDER, -135], [-131, -135]),
  step(-322, -117, requestColor, '3  ring', 'if armed is odd'),
  arrow(bellColor, [131, -135], [RECEIVER, -135]),
  step(316, -122, bellColor, 'wakes the thread'),
  arrow(replyColor, [LANE_RIGHT, 10], [RECEIVER, 10]),
  step(330, -9, replyColor, '4  copy', 'acquire load'),
  arrow(replyColor, [505, 35], [505, 79]),
  step(535, 57, replyColor, '4  copy'),
  arrow(replyColor, [RECEIVER, 28], [LANE_RIGHT, 150]),
  step(302, 76, replyColor, '5  taken', 'release store'),
  arrow(replyColor, [490, 157], [490, 202]),
  step(448, 180, replyColor, '6  deliver'),
  arrow(replyColor, [520, 202], [520, 157]),
  step(550, 180, replyColor, '7  free'),
  arrow(replyColor, [RECEIVER, 128], [LANE_RIGHT, 168]),
  step(336, 172, replyColor, '7  freed', 'release store'),
]);
