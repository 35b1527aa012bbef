/** Checks the Trace Event Format: a schema, and the rules between the events of a file. */
import type { ExecutionContext } from 'ava';
import { z } from 'zod';
import { traceToChrome, type ChromeTraceSource } from 'liteipc/native';

const place = { pid: z.int().positive(), tid: z.int().positive() };
const timed = {
  ...place,
  name: z.string().min(1),
  cat: z.string().min(1),
  ts: z.number().nonnegative(),
};
const details = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

const TraceEvent = z.discriminatedUnion('ph', [
  z.strictObject({
    ph: z.literal('M'),
    name: z.enum(['process_name', 'thread_name']),
    args: z.strictObject({ name: z.string().min(1) }),
    ...place,
  }),
  z.strictObject({
    ph: z.literal('X'),
    dur: z.number().nonnegative(),
    cname: z.literal('bad').optional(),
    args: details,
    ...timed,
  }),
  z.strictObject({ ph: z.literal('i'), s: z.enum(['g', 'p', 't']), args: details, ...timed }),
  z.strictObject({ ph: z.literal('s'), id: z.int(), ...timed }),
  z.strictObject({ ph: z.literal('f'), bp: z.literal('e'), id: z.int(), ...timed }),
]);

const TraceFile = z.strictObject({
  traceEvents: z.array(TraceEvent),
  displayTimeUnit: z.enum(['ms', 'ns']),
  otherData: z.strictObject({ startNs: z.string().regex(/^\d+$/), lost: z.int().nonnegative() }),
});

export type ParsedEvent = z.infer<typeof TraceEvent>;
export type Slice = Extract<ParsedEvent, { ph: 'X' }>;
type FlowStart = Extract<ParsedEvent, { ph: 's' }>;
type FlowEnd = Extract<ParsedEvent, { ph: 'f' }>;

/** An arrow with the slices at its ends. */
export interface Arrow {
  readonly from: Slice;
  readonly to: Slice;
}

export interface ParsedTrace {
  readonly events: readonly ParsedEvent[];
  readonly slices: readonly Slice[];
  readonly arrows: readonly Arrow[];
  /** Names of the processes. */
  readonly names: ReadonlyMap<number, string>;
  readonly lost: number;
}

const only = <Phase extends ParsedEvent['ph']>(events: readonly ParsedEvent[], phase: Phase) =>
  events.filter((event): event is Extract<ParsedEvent, { ph: Phase }> => event.ph === phase);

/** Times in ns, so that sums are exact. */
const ns = (microseconds: number): number => Math.round(microseconds * 1000);

/** Checks that slices of a thread are disjoint or nested, as the format demands. */
function checkNesting(t: ExecutionContext, slices: readonly Slice[]): void {
  const open = new Map<string, number[]>();
  for (const { pid, tid, ts, dur, name } of slices) {
    const ends = open.get(`${pid} ${tid}`) ?? [];
    while (ends.length > 0 && (ends.at(-1) ?? 0) <= ns(ts)) ends.pop();
    const outer = ends.at(-1);
    t.true(outer === undefined || ns(ts) + ns(dur) <= outer, `${name} at ${ts} overlaps`);
    ends.push(ns(ts) + ns(dur));
    open.set(`${pid} ${tid}`, ends);
  }
}

/** Returns the innermost slice at the time at which an arrow begins or ends. */
function sliceAt(slices: readonly Slice[], end: FlowStart | FlowEnd): Slice | undefined {
  return slices.findLast(
    ({ pid, tid, ts, dur }) =>
      pid === end.pid && tid === end.tid && ts <= end.ts && ns(end.ts) <= ns(ts) + ns(dur),
  );
}

/** Converts a trace, writes it, reads it again, and checks all rules. */
export function parseChrome(
  t: ExecutionContext,
  sources: ChromeTraceSource | readonly ChromeTraceSource[],
): ParsedTrace {
  const file = TraceFile.parse(JSON.parse(JSON.stringify(traceToChrome(sources))));
  const events = file.traceEvents;
  const slices = only(events, 'X');
  checkNesting(t, slices);

  const named = new Set(
    only(events, 'M').map(({ name, pid, tid }) =>
      name === 'process_name' ? `${pid}` : `${pid} ${tid}`,
    ),
  );
  t.is(named.size, only(events, 'M').length, 'everything is named once');
  for (const { pid, tid } of events) t.true(named.has(`${pid}`) && named.has(`${pid} ${tid}`));

  const starts = new Map(only(events, 's').map((event) => [event.id, event]));
  const ends = new Map(only(events, 'f').map((event) => [event.id, event]));
  t.is(starts.size, only(events, 's').length, 'an arrow begins once');
  t.is(ends.size, only(events, 'f').length, 'an arrow ends once');
  t.deepEqual([...starts.keys()].sort(), [...ends.keys()].sort());
  const arrows = [...starts].map(([id, start]): Arrow => {
    const end = ends.get(id);
    const from = sliceAt(slices, start);
    const to = end === undefined ? undefined : sliceAt(slices, end);
    if (end === undefined || from === undefined || to === undefined) {
      throw new Error(`arrow ${id} leads nowhere`);
    }
    t.true(start.ts <= end.ts, 'arrows lead forward');
    t.deepEqual([start.name, start.cat], [end.name, end.cat]);
    return { from, to };
  });
  const names = new Map(
    only(events, 'M')
      .filter(({ name }) => name === 'process_name')
      .map(({ pid, args }) => [pid, args.name]),
  );
  return { events, slices, arrows, names, lost: file.otherData.lost };
}
