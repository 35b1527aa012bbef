// Counts the results of tests, shows progress, writes the details to a log file, and prints a
// summary that fits a screen.
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './run.mjs';

/** Interval of the progress lines where the output is not a terminal, ms. */
const PROGRESS_INTERVAL_MS = 10_000;
/** Interval of the updates of the progress line on a terminal, ms. */
const UPDATE_INTERVAL_MS = 100;
/** Lines of a failure's details that are shown; the log file has all. */
const SHOWN_LINES = 40;
/** Failures, and files with skipped tests, that a summary lists. */
const LISTED_MAX = 8;

function formatElapsed(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** Returns the items of a list by the key of each. */
function groupBy(list, key) {
  const groups = new Map();
  for (const item of list) {
    const name = key(item);
    groups.set(name, [...(groups.get(name) ?? []), item]);
  }
  return groups;
}

function listed(lines) {
  if (lines.length <= LISTED_MAX) return lines;
  const rest = lines.length - LISTED_MAX + 1;
  return [...lines.slice(0, LISTED_MAX - 1), `  ... and ${rest} more: see the log`];
}

/**
 * Returns the lines that name failed and skipped tests. A failure is { title, rerun }, where rerun
 * is a command or undefined. A skipped test is { title, file, reason }.
 */
export function summaryLines(failures, skips) {
  const lines = [];
  if (failures.length > 0) {
    const failed = failures.flatMap(({ title, rerun }) =>
      rerun === undefined ? [`  ${title}`] : [`  ${title}\n    ${rerun}`],
    );
    lines.push('Failed, and how to run each alone:', ...listed(failed));
  }
  if (skips.length > 0) {
    lines.push('Skipped:');
    const files = [...groupBy(skips, ({ reason, file }) => `${reason}\n${file}`)];
    const skipped = files.map(([, [{ reason, file, title }, ...others]]) => {
      const name = others.length === 0 ? `${file}: ${title}` : `${file} (${others.length + 1})`;
      return `  ${reason}: ${name}`;
    });
    lines.push(...listed(skipped));
  }
  return lines;
}

/** Receives the results of a run of tests. */
export class TestReport {
  passed = 0;
  failures = [];
  skips = [];
  #startedAt = Date.now();
  #files = 0;
  #begun = new Set();
  #current = '';
  #shownAt = 0;
  #log;

  /** Creates the log file out/NAME.log. */
  constructor(name) {
    mkdirSync(join(root, 'out'), { recursive: true });
    this.logPath = `out/${name}.log`;
    this.#log = openSync(join(root, this.logPath), 'w');
  }

  /** Adds files to those that the progress counts. */
  expect(files) {
    this.#files += files;
  }

  /** Shows that a file has begun. */
  begin(file) {
    this.#begun.add(file);
    this.#current = file;
    this.#showProgress();
  }

  log(text) {
    writeSync(this.#log, text.endsWith('\n') ? text : `${text}\n`);
  }

  pass(count = 1) {
    this.passed += count;
    this.#showProgress();
  }

  /** Counts a failure, and shows the first lines of its details. */
  fail(title, rerun, details = '') {
    this.failures.push({ title, rerun });
    const lines = details.trimEnd().split('\n');
    const shown = lines.slice(0, SHOWN_LINES);
    if (lines.length > shown.length) shown.push(`... ${this.logPath} has the rest`);
    this.say([`FAILED ${title}`, ...shown.filter((line) => line !== '')].join('\n'));
  }

  skip(title, file, reason) {
    this.skips.push({ title, file, reason });
  }

  /** Prints a line above the progress line. */
  say(text) {
    if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
    console.log(text);
    this.#showProgress();
  }

  #showProgress() {
    const now = Date.now();
    const { isTTY, columns } = process.stdout;
    if (now - this.#shownAt < (isTTY ? UPDATE_INTERVAL_MS : PROGRESS_INTERVAL_MS)) return;
    this.#shownAt = now;
    const counts = `${this.#begun.size} of ${this.#files} files, ${this.passed} passed`;
    const failed = this.failures.length === 0 ? '' : `, ${this.failures.length} failed`;
    const line = `[${formatElapsed(now - this.#startedAt)}] ${counts}${failed}: ${this.#current}`;
    if (isTTY) process.stdout.write(`\r\x1b[K${line.slice(0, columns - 1)}`);
    else console.log(line);
  }

  /** Ends the progress, and returns { passed, failed, skipped, failures, skips }. */
  close() {
    if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
    const { passed, failures, skips } = this;
    for (const { title, file, reason } of skips) this.log(`skipped: ${file}: ${title}: ${reason}`);
    closeSync(this.#log);
    console.log(`${formatElapsed(Date.now() - this.#startedAt)}, log: ${this.logPath}`);
    return { passed, failed: failures.length, skipped: skips.length, failures, skips };
  }
}
