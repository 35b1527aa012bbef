/** Defines the rows of the tables, and the programs that measure them. */

/** `cross`: client and server on different CPUs. `one-core`: both on the client's CPU. */
export const placements = ['cross', 'one-core'] as const;
export type Placement = (typeof placements)[number];

export type Metric = 'medianNs' | 'perSecond';

/** A `Group` is one table. */
export interface Group {
  readonly id: string;
  readonly title: string;
  /** The compared figure: the median time or the rate. */
  readonly metric: Metric;
}

export interface Row {
  readonly id: string;
  readonly group: string;
  readonly label: string;
  /** Describes in one sentence what the row measures. */
  readonly about: string;
}

/**
 * A `Case` is a program that runs once per round and placement. Each line of its output belongs to
 * one row.
 */
export interface Case {
  readonly placement: Placement;
  readonly program: string;
  readonly kind: 'native' | 'node';
  readonly args: readonly string[];
  /**
   * The rows that the case measures. A Node program measures one row per number of calls in flight.
   */
  readonly rows: readonly MeasuredRow[];
}

export interface MeasuredRow {
  readonly row: string;
  readonly inFlight?: number;
}

export const CALLS_IN_FLIGHT = 64;

export const groups: readonly Group[] = [
  {
    id: 'c.round-trip',
    title: 'C, two processes: request and reply of 16 B, one at a time',
    metric: 'medianNs',
  },
  { id: 'c.one-way', title: 'C, two processes: one-way messages of 64 B', metric: 'perSecond' },
  {
    id: 'node.one',
    title: 'Node: typed call {id, a, b} -> {id, sum}, one in flight',
    metric: 'medianNs',
  },
  {
    id: 'node.many',
    title: `Node: the same call, ${CALLS_IN_FLIGHT} in flight`,
    metric: 'perSecond',
  },
];

interface NativeTransport {
  readonly name: string;
  readonly label: string;
  readonly program: string;
  readonly args?: readonly string[];
  readonly roundTrip?: { readonly about: string; readonly placements: readonly Placement[] };
  readonly oneWay?: { readonly about: string; readonly placements: readonly Placement[] };
}

const nativeTransports: readonly NativeTransport[] = [
  {
    name: 'floor',
    label: 'shared memory, spinning',
    program: 'floor',
    roundTrip: {
      about: 'The floor: a flag and 16 bytes in shared memory, both ends spin. Cross only.',
      placements: ['cross'],
    },
    oneWay: {
      about: 'The floor: a ring of 64-byte slots in shared memory, both ends spin. Cross only.',
      placements: ['cross'],
    },
  },
  {
    name: 'ring',
    label: "LiteIPC's ring alone",
    program: 'ring',
    roundTrip: {
      about: 'One record in each direction through the queue of LiteIPC, both ends spin.',
      placements: ['cross'],
    },
    oneWay: {
      about: 'Records through the queue of LiteIPC without messages, both ends spin.',
      placements: ['cross'],
    },
  },
  {
    name: 'futex',
    label: 'shared memory, futex',
    program: 'floor',
    args: ['--wait', 'futex'],
    roundTrip: {
      about: 'The same flag and bytes, but the waiting process sleeps in the kernel at once.',
      placements,
    },
  },
  {
    name: 'pipe',
    label: 'pipe',
    program: 'pipe',
    roundTrip: { about: 'Two pipes, blocking read and write.', placements },
    oneWay: { about: 'One write per message; the reader takes up to 64 KiB at once.', placements },
  },
  {
    name: 'unix-socket',
    label: 'Unix stream socket',
    program: 'unix_socket',
    roundTrip: { about: 'A stream socket pair, blocking read and write.', placements },
    oneWay: { about: 'One write per message; the reader takes up to 64 KiB at once.', placements },
  },
  {
    name: 'liteipc',
    label: 'LiteIPC',
    program: 'liteipc',
    roundTrip: {
      about:
        'The embedding API with its default adaptive wait: access, checks, pool, copy, free; ' +
        'the manager is a third process.',
      placements,
    },
    oneWay: {
      about:
        'One-way requests on the same path; while its share of the pool is used up, ' +
        'the sender retries.',
      placements,
    },
  },
];

interface NodeTransport {
  readonly name: string;
  readonly label: string;
  readonly program: string;
  readonly variant?: string;
  readonly about: string;
  readonly placements: readonly Placement[];
}

const nodeTransports: readonly NodeTransport[] = [
  {
    name: 'process-send-advanced',
    label: 'process.send, advanced',
    program: 'process_send.js',
    variant: 'advanced',
    about: "A child process over Node's channel, serialization: 'advanced'.",
    placements,
  },
  {
    name: 'process-send-json',
    label: 'process.send, json',
    program: 'process_send.js',
    variant: 'json',
    about: "A child process over Node's channel, serialization: 'json' (the default).",
    placements,
  },
  {
    name: 'message-port',
    label: 'MessagePort',
    program: 'message_port.js',
    about:
      'A worker thread of the same process. Cross: the two JavaScript threads are pinned, the ' +
      'helper threads of V8 are not. One core: the whole process is pinned.',
    placements,
  },
  {
    name: 'unix-socket-msgpack',
    label: 'Unix socket, msgpackr',
    program: 'unix_socket.js',
    variant: 'msgpack',
    about: 'Two processes, the codec of LiteIPC, length-prefixed frames, batched writes.',
    placements,
  },
  {
    name: 'unix-socket-binary',
    label: 'Unix socket, custom frames',
    program: 'unix_socket.js',
    variant: 'binary',
    about: 'The same with custom frames for these two types and no codec.',
    placements,
  },
  {
    name: 'liteipc',
    label: 'LiteIPC',
    program: 'liteipc.js',
    variant: 'adaptive',
    about: "Two processes over the package's TypeScript API; the manager is a third process.",
    placements,
  },
  {
    name: 'liteipc-no-spin',
    label: 'LiteIPC, adaptive wait off',
    program: 'liteipc.js',
    variant: 'no-spin',
    about: 'The same, but a waiting process sleeps at once.',
    placements: ['cross'],
  },
];

function nativeRows(): Row[] {
  return nativeTransports.flatMap(({ name, label, roundTrip, oneWay }) => [
    ...(roundTrip ? [row('c.round-trip', name, label, roundTrip.about)] : []),
    ...(oneWay ? [row('c.one-way', name, label, oneWay.about)] : []),
  ]);
}

function nodeRows(): Row[] {
  return nodeTransports.flatMap(({ name, label, about }) => [
    row('node.one', name, label, about),
    row('node.many', name, label, about),
  ]);
}

function row(group: string, name: string, label: string, about: string): Row {
  return { id: `${group}.${name}`, group, label, about };
}

export const rows: readonly Row[] = [...nativeRows(), ...nodeRows()];

/** Returns the Node rows of a group other than LiteIPC: "every peer" of target P5. */
export function nodePeers(group: string): string[] {
  return nodeTransports
    .filter(({ name }) => !name.startsWith('liteipc'))
    .map(({ name }) => `${group}.${name}`);
}

function nativeCases(): Case[] {
  const cases: Case[] = [];
  for (const { name, program, args = [], roundTrip, oneWay } of nativeTransports) {
    for (const placement of roundTrip?.placements ?? []) {
      const measured = [{ row: `c.round-trip.${name}` }];
      const all = ['--measure', 'round-trip', '--bytes', '16', ...args];
      cases.push({ placement, program, kind: 'native', args: all, rows: measured });
    }
    for (const placement of oneWay?.placements ?? []) {
      const measured = [{ row: `c.one-way.${name}` }];
      const all = ['--measure', 'one-way', '--bytes', '64', ...args];
      cases.push({ placement, program, kind: 'native', args: all, rows: measured });
    }
  }
  return cases;
}

function nodeCases(): Case[] {
  return nodeTransports.flatMap(({ name, program, variant, placements: where }) =>
    where.map((placement) => ({
      placement,
      program,
      kind: 'node' as const,
      args: variant === undefined ? [] : ['--variant', variant],
      rows: [
        { row: `node.one.${name}`, inFlight: 1 },
        { row: `node.many.${name}`, inFlight: CALLS_IN_FLIGHT },
      ],
    })),
  );
}

/**
 * Returns the cases to run. `only` selects the rows whose `row.placement` contains one of its
 * texts, for example `node.one`, `c.round-trip.pipe` or `liteipc.cross`; an empty list selects all.
 */
export function plan(only: readonly string[]): Case[] {
  const wanted = (placement: Placement, { row: id }: MeasuredRow): boolean =>
    only.length === 0 || only.some((text) => `${id}.${placement}`.includes(text));
  return [...nativeCases(), ...nodeCases()]
    .map((item) => ({
      ...item,
      rows: item.rows.filter((measured) => wanted(item.placement, measured)),
    }))
    .filter((item) => item.rows.length > 0);
}
