/**
 * Guards the layout of lib/: no cycle between files, and each room imports only rooms below it.
 * Type imports count. `npm run lint -- imports` checks the rules with scripts/imports.mjs.
 */

/**
 * The rooms of lib/ from the bottom to the top. The rooms of one row do not import each other.
 * docs/architecture.md draws them.
 */
export const rows = [
  ['common'],
  ['native', 'ipc-io'],
  ['contract', 'conformance', 'compare-source'],
  ['policy', 'trace', 'wire'],
  ['streams', 'attachments'],
  ['calls', 'service'],
  ['connection'],
  ['registry'],
  ['client'],
  ['device'],
  ['manager', 'worker-pool'],
  ['index.ts', 'native.ts', 'opentelemetry.ts'],
  ['doctor'],
  ['cli'],
];

const pathOf = (room) => (room.endsWith('.ts') ? `^lib/${room}$` : `^lib/${room}/`);

export default {
  forbidden: [
    {
      name: 'no-cycle',
      severity: 'error',
      comment: 'Files that import each other cannot be understood or tested apart.',
      from: {},
      to: { circular: true },
    },
    ...rows.flatMap((row, level) =>
      row.map((room) => ({
        name: `${room}-imports-only-below`,
        severity: 'error',
        from: { path: pathOf(room) },
        to: {
          path: '^lib/',
          pathNot: [room, ...rows.slice(0, level).flat()].map(pathOf),
        },
      })),
    ),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.lib.json' },
    doNotFollow: { path: 'node_modules' },
  },
};
