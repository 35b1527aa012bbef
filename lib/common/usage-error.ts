/**
 * What the command line was given cannot be used: a file that is not there, an option that makes no
 * sense. The entry point prints the message as one line and exits with status 2.
 */
export class UsageError extends Error {
  override name = 'UsageError';
}
