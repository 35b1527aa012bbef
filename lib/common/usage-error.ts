/**
 * Reports a command line that cannot be used, for example a missing file or contradicting options.
 * The entry point prints the message as one line and exits with status 2.
 */
export class UsageError extends Error {
  override name = 'UsageError';
}
