/** Whether a value contains itself. */

/** Looks where the plain encoding would go: into arrays, sets and own properties. */
export function hasCycle(value: unknown, around: Set<object> = new Set()): boolean {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  if (around.has(value)) return true;
  around.add(value);
  const parts: Iterable<unknown> =
    Array.isArray(value) || value instanceof Set ? value : Object.values(value);
  for (const part of parts) {
    if (typeof part === 'object' && part !== null && hasCycle(part, around)) return true;
  }
  around.delete(value);
  return false;
}
