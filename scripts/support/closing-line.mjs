/** Counts checks, and prints the line that closes every test command. */
export class Tally {
  passed = 0;
  failed = 0;
  skipped = 0;

  add(passed, failed, skipped = 0) {
    this.passed += passed;
    this.failed += failed;
    this.skipped += skipped;
  }

  /**
   * Prints the closing line and sets the exit status: something must have passed, nothing failed.
   */
  close() {
    const skipped = this.skipped === 0 ? '' : `, ${this.skipped} skipped`;
    console.log(`${this.passed} passed, ${this.failed} failed${skipped}`);
    if (this.failed > 0 || this.passed === 0) process.exitCode = 1;
  }
}
