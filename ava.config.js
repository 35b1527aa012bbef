// The tests are compiled first (npm test does it): test/**/*.test.ts becomes out/test/**/*.test.js.
// One process per file, because the tests signal, kill and exit; one file at a time, because they
// start processes of their own and some state how soon a caller must be told. scripts/test.mjs
// knows those that may run beside each other.
export default {
  files: ['out/test/**/*.test.js'],
  workerThreads: false,
  concurrency: 1,
  timeout: '2m',
};
