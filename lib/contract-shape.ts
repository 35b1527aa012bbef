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

/** In words, the first difference between the client's shape and the service's. */
export function shapeDifference(client: string, service: string): string {
  const ours = client.split('\n');
  const theirs = service.split('\n');
  const place = ours.findIndex((line, index) => line !== theirs[index]);
  const mine = ours[place];
  if (mine === undefined) {
    return `the service also has ${theirs.slice(ours.length).map(quoted).join(', ')}`;
  }
  const at = `method ${place + 1}`;
  const other = theirs[place];
  if (other === undefined) return `the service lacks ${quoted(mine)}`;
  if (!theirs.includes(mine) && !theirs.some((line) => sameName(line, mine))) {
    return `the service lacks ${quoted(mine)}; its ${at} is ${quoted(other)}`;
  }
  return `${at} is ${quoted(mine)} here and ${quoted(other)} in the service`;
}

function sameName(left: string, right: string): boolean {
  return left.split(' ')[1] === right.split(' ')[1];
}

function quoted(line: string): string {
  const [kind, name] = line.split(' ');
  return `"${name ?? ''}" (${kind ?? ''})`;
}
