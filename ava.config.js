// The tests are compiled first (npm test does it): test/**/*.test.ts becomes out/test/**/*.test.js.
// One process per file, because the tests signal, kill and exit. One file at a time, because files
// in folders `alone` measure time; scripts/test.mjs runs the other files side by side.
export default {
  files: ['out/test/**/*.test.js'],
  workerThreads: false,
  concurrency: 1,
  timeout: '15m',
};
