// The tests are compiled first (npm test does it): test/**/*.test.ts becomes out/test/**/*.test.js.
// One process per file, because the tests signal, kill and exit.
export default {
  files: ['out/test/**/*.test.js'],
  workerThreads: false,
  concurrency: 2,
  timeout: '2m',
};
