/** Formats tables and numbers for people. */

/** Replaces characters that could control the terminal, because other processes choose the text. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- the expression matches exactly these
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '?');
}

/**
 * Returns padded columns under a head, without trailing spaces and without a final newline.
 * `isNumber` returns whether the column with an index is aligned to the right.
 */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  isNumber: (column: number) => boolean = () => false,
): string {
  const clean = [head, ...rows].map((row) => row.map(printable));
  const widths = head.map((_title, column) =>
    Math.max(...clean.map((row) => (row[column] ?? '').length)),
  );
  const pad = (text: string, column: number): string =>
    isNumber(column) ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0);
  return clean.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

/** Formats bytes, e.g. `512 B`, `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}

/** Formats a time span, e.g. `350 ms`, `12 s`, `5 min`, `3 h`, `2 d`. */
export function formatSpan(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}
