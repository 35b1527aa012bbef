/** Counts checks and prints the last line of every test command. */
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
   * Prints the last line and sets the exit status: at least one check must have passed, and none
   * failed.
   */
  close() {
    const skipped = this.skipped === 0 ? '' : `, ${this.skipped} skipped`;
    console.log(`${this.passed} passed, ${this.failed} failed${skipped}`);
    if (this.failed > 0 || this.passed === 0) process.exitCode = 1;
  }
}
