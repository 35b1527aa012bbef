/** Alters one expectation of a scenario, so that a correct runner fails at its step. */

/** A scenario as in its file, with only the properties that are altered here. */
export interface RawScenario {
  name: string;
  readonly port?: string;
  readonly processes: Readonly<Record<string, readonly string[]>>;
  readonly steps: RawStep[];
}

interface RawStep {
  readonly do?: string;
  readonly start?: string;
  want?: string;
  wantMsg?: Record<string, unknown>;
  wantUsed?: unknown;
  wantVersion?: readonly number[];
  port?: { want?: string; wantMsg?: Record<string, unknown> };
}

type RawPart = Record<string, unknown>;

export interface Alteration {
  readonly scenario: RawScenario;
  /** Number of the altered step, from 1. */
  readonly step: number;
  readonly what: string;
}

type Change = readonly [what: string, change: (step: RawStep) => void];

const silent = ['exitTask', 'exitProcess', 'fork', 'sleep', 'pool'];

const plusOne = (value: unknown): unknown => ({ add: [value, 1] });

/** Changes one part of expected data, by kind. */
const partChanges: Readonly<Record<string, (part: RawPart) => void>> = {
  hex: (part) =>
    (part['hex'] = String(part['hex']).replace(/^./, (first) => (first === '0' ? '1' : '0'))),
  str: (part) => (part['str'] = String(part['str']).replace(/^./, '!')),
  fill: (part) => (part['fill'] = Number(part['fill']) ^ 1),
  u32: (part) => (part['u32'] = plusOne(part['u32'])),
  svc: (part) => (part['handle'] = plusOne(part['handle'])),
  ptr: (part) => {
    const [first] = part['data'] as RawPart[];
    if (first !== undefined) partChanges[Object.keys(first)[0] ?? '']?.(first);
  },
};

function* messageChanges(
  scenario: RawScenario,
  wanted: Record<string, unknown>,
): Generator<Change> {
  const set = (name: string, value: unknown): Change => [
    name,
    ({ wantMsg = {} }) => void (wantMsg[name] = value),
  ];
  for (const [name, value] of Object.entries(wanted)) {
    switch (name) {
      case 'data':
        for (const [index, part] of (value as RawPart[]).entries()) {
          const kind = 'obj' in part ? String(part['obj']) : (Object.keys(part)[0] ?? '');
          const change = partChanges[kind];
          if (change === undefined) continue;
          yield [
            `data ${kind}`,
            ({ wantMsg = {} }) => change((wantMsg['data'] as RawPart[])[index] ?? {}),
          ];
        }
        break;
      case 'from': {
        const tasks = Object.values(scenario.processes).flat();
        yield set(name, tasks.find((task) => task !== value) ?? '');
        break;
      }
      case 'type':
        yield set(name, value === 'REQUEST' ? 'REPLY' : 'REQUEST');
        break;
      case 'flag':
        yield set(name, value === 'ONEWAY' ? 0 : 'ONEWAY');
        break;
      case 'dataSz':
      case 'spObjNum':
        yield set(name, Number(value) + 1);
        break;
      default:
        yield set(name, plusOne(value));
    }
  }
}

function* stepChanges(scenario: RawScenario, step: RawStep): Generator<Change> {
  if (step.start === undefined && !silent.includes(step.do ?? '')) {
    const want = step.want ?? 'OK';
    yield [
      `${want} for ENODEV`,
      (altered) => {
        altered.want = 'ENODEV';
        delete altered.wantMsg;
      },
    ];
    if (want !== 'OK') yield [`${want} for OK`, (altered) => (altered.want = 'OK')];
  }
  if (step.do === 'pool') yield ['pool', (altered) => (altered.wantUsed = 12345)];
  if (step.wantVersion !== undefined) yield ['version', (each) => (each.wantVersion = [2, 1])];
  if (step.wantMsg !== undefined) yield* messageChanges(scenario, step.wantMsg);
}

/** Returns every alteration of the port's expectations in `scenario`, each with its own name. */
export function alterations(scenario: RawScenario): readonly Alteration[] {
  const base = structuredClone(scenario);
  for (const step of base.steps) {
    if (step.port === undefined) continue;
    delete step.want;
    delete step.wantMsg;
    Object.assign(step, step.port);
    delete step.port;
  }
  return base.steps.flatMap((step, index) =>
    [...stepChanges(base, step)].map(([what, change], number) => {
      const altered = structuredClone(base);
      altered.name = `${base.name}-${index + 1}-${number + 1}`;
      change(altered.steps[index] ?? step);
      return { scenario: altered, step: index + 1, what };
    }),
  );
}
