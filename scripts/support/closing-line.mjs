// The tally of checks and the line that closes every test command.
export class Tally {
  passed = 0;
  failed = 0;

  add(passed, failed) {
    this.passed += passed;
    this.failed += failed;
  }

  /**
   * Prints the closing line and sets the exit status: something must have passed, nothing failed.
   */
  close() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    if (this.failed > 0 || this.passed === 0) process.exitCode = 1;
  }
}
