/**
 * Computes the shape of a contract: the names, kinds and order of its methods. Both sides must have
 * the same shape to exchange messages.
 */

interface MethodShape {
  readonly kind: string;
  readonly inputParcel?: unknown;
  readonly outputParcel?: unknown;
}

/** The methods of a contract. */
type MethodKinds = Readonly<Record<string, MethodShape>>;

/** Returns `method`, or with parcels `method(parcel)`, `method(parcel):parcel`, `method:parcel`. */
function kindOf({ kind, inputParcel, outputParcel }: MethodShape): string {
  const input = inputParcel === undefined ? '' : '(parcel)';
  const output = outputParcel === undefined ? '' : ':parcel';
  return kind + input + output;
}

/** Returns the shape as text: one line `kind name` per method, in order. */
export function shapeOf(methods: MethodKinds): string {
  return Object.entries(methods)
    .map(([name, definition]) => `${kindOf(definition)} ${name}`)
    .join('\n');
}

/** Returns a 32-bit FNV-1a hash of the shape. Lookups send the hash instead of the shape. */
export function shapeHash(methods: MethodKinds): number {
  return shapeTextHash(shapeOf(methods));
}

/** Returns the hash of a shape in text form. */
export function shapeTextHash(shape: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(shape)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}

/** A shape with the version that its side gave. */
export interface VersionedShape {
  readonly shape: string;
  readonly version?: string | undefined;
}

interface ShapeLine {
  readonly kind: string;
  readonly position: number;
}

/** Returns the lines of a shape by method name. */
function linesOf(shape: string): ReadonlyMap<string, ShapeLine> {
  const lines = shape === '' ? [] : shape.split('\n');
  return new Map(
    lines.map((line, index) => {
      const [kind = '', name = ''] = line.split(' ');
      return [name, { kind, position: index + 1 }];
    }),
  );
}

/** Describes all differences between the shapes of the client and the service, by method. */
export function shapeDifferences(client: string, service: string): string[] {
  const ours = linesOf(client);
  const theirs = linesOf(service);
  const differences: string[] = [];
  // A missing method shifts all later numbers, so the order is compared only among common methods.
  const order = [...theirs.keys()].filter((name) => ours.has(name));
  let common = 0;
  for (const [name, mine] of ours) {
    const other = theirs.get(name);
    if (other === undefined) {
      differences.push(`the service lacks "${name}" (${mine.kind})`);
      continue;
    }
    if (other.kind !== mine.kind) {
      differences.push(`"${name}" is ${mine.kind} here and ${other.kind} in the service`);
    }
    if (order[common++] !== name) {
      differences.push(
        `"${name}" is method ${mine.position} here and ${other.position} in the service`,
      );
    }
  }
  for (const [name, { kind }] of theirs) {
    if (!ours.has(name)) differences.push(`the service also has "${name}" (${kind})`);
  }
  return differences;
}

/** Returns `version 1.0.0 here, 1.1.0 in the service`; empty if neither side has a version. */
function versionDifference(client: VersionedShape, service: VersionedShape): string {
  if (client.version === undefined && service.version === undefined) return '';
  return ` (version ${client.version ?? 'none'} here, ${service.version ?? 'none'} in the service)`;
}

/** Returns the error message for a client whose contract does not match the service. */
export function mismatchText(
  name: string,
  client: VersionedShape,
  service: VersionedShape,
): string {
  const versions = versionDifference(client, service);
  const differences = shapeDifferences(client.shape, service.shape).join('; ');
  return `Service "${name}" has another contract${versions}: ${differences}. Use the same contract on both sides (EPROTO)`;
}
