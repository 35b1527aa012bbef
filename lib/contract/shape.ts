/** The shape of a contract: what both sides must agree on before a message can be understood. */

interface MethodShape {
  readonly kind: string;
  readonly inputParcel?: unknown;
  readonly outputParcel?: unknown;
}

/** Anything that has the methods of a contract. */
type MethodKinds = Readonly<Record<string, MethodShape>>;

/** `method`, or with parcels `method(parcel)`, `method(parcel):parcel`, `method:parcel`. */
function kindOf({ kind, inputParcel, outputParcel }: MethodShape): string {
  const input = inputParcel === undefined ? '' : '(parcel)';
  const output = outputParcel === undefined ? '' : ':parcel';
  return kind + input + output;
}

/** The shape as text: one `kind name` a line, in order. */
export function shapeOf(methods: MethodKinds): string {
  return Object.entries(methods)
    .map(([name, definition]) => `${kindOf(definition)} ${name}`)
    .join('\n');
}

/** FNV-1a, 32 bits, of the shape: told at each lookup instead of the shape itself. */
export function shapeHash(methods: MethodKinds): number {
  return shapeTextHash(shapeOf(methods));
}

/** The same of a shape that is at hand as text. */
export function shapeTextHash(shape: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(shape)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}

/** A shape, and the version that its side gives it. */
export interface VersionedShape {
  readonly shape: string;
  readonly version?: string | undefined;
}

interface ShapeLine {
  readonly kind: string;
  readonly place: number;
}

/** The methods of a shape by name. */
function linesOf(shape: string): ReadonlyMap<string, ShapeLine> {
  const lines = shape === '' ? [] : shape.split('\n');
  return new Map(
    lines.map((line, index) => {
      const [kind = '', name = ''] = line.split(' ');
      return [name, { kind, place: index + 1 }];
    }),
  );
}

/** In words, all that is different between the client's shape and the service's, by method. */
export function shapeDifferences(client: string, service: string): string[] {
  const ours = linesOf(client);
  const theirs = linesOf(service);
  const told: string[] = [];
  // A method that one side lacks moves all that follow: only the order of what both have is looked
  // at.
  const order = [...theirs.keys()].filter((name) => ours.has(name));
  let common = 0;
  for (const [name, mine] of ours) {
    const other = theirs.get(name);
    if (other === undefined) {
      told.push(`the service lacks "${name}" (${mine.kind})`);
      continue;
    }
    if (other.kind !== mine.kind) {
      told.push(`"${name}" is ${mine.kind} here and ${other.kind} in the service`);
    }
    if (order[common++] !== name) {
      told.push(`"${name}" is method ${mine.place} here and ${other.place} in the service`);
    }
  }
  for (const [name, { kind }] of theirs) {
    if (!ours.has(name)) told.push(`the service also has "${name}" (${kind})`);
  }
  return told;
}

/** `version 1.0.0 here, 1.1.0 in the service`; empty if neither side says a version. */
function versionDifference(client: VersionedShape, service: VersionedShape): string {
  if (client.version === undefined && service.version === undefined) return '';
  return ` (version ${client.version ?? 'none'} here, ${service.version ?? 'none'} in the service)`;
}

/** Why a client's contract does not fit the one of the service that has the name. */
export function mismatchText(
  name: string,
  client: VersionedShape,
  service: VersionedShape,
): string {
  const versions = versionDifference(client, service);
  const differences = shapeDifferences(client.shape, service.shape).join('; ');
  return `Service "${name}" has another contract${versions}: ${differences}. Use the same contract on both sides (EPROTO)`;
}
