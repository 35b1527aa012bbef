/**
 * Loads a policy file and watches it for changes. It polls instead of using inotify, so that it
 * also detects files that are replaced by renaming, changed symbolic links, mounts and network file
 * systems.
 */
import { open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Rule } from './rules.js';
import { PolicyFileError } from './file-error.js';
import { parsePolicy } from './parse.js';

/** Interval between polls, ms. */
const INTERVAL_MS = 250;
/**
 * A file that was written less than this long ago may change again without a change of its time
 * stamps, ms.
 */
const YOUNG_MS = 100;
const SIZE_MAX = 4 * 1024 * 1024;

/** Receives the changes of a watched policy file. */
export interface PolicyFileListener {
  /** The file changed and is valid. */
  onRules(rules: readonly Rule[]): void;
  /** The file changed and is invalid or missing. Called once for each state of the file. */
  onError(error: PolicyFileError): void;
}

interface Reading {
  readonly text?: string;
  readonly error?: PolicyFileError;
}

/** One policy file. */
export class PolicyFile {
  /** Absolute path. */
  readonly path: string;
  #seen = '';
  #isYoung = true;
  /** The text that was loaded last; undefined before the first load. */
  #known: string | undefined;
  #failure: { readonly message: string; reported: boolean } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(path: string) {
    this.path = resolve(path);
  }

  /** Reads the file now. Rejects with a {@link PolicyFileError}. */
  async load(): Promise<readonly Rule[]> {
    const { text, error } = await this.#read();
    if (text === undefined) throw error as PolicyFileError;
    const rules = parsePolicy(this.path, text);
    this.#known = text;
    this.#failure = undefined;
    return rules;
  }

  /** Starts to poll for changes. Does not keep the process alive. */
  watch(listener: PolicyFileListener): void {
    const look = async (): Promise<void> => {
      await this.#look(listener);
      if (!this.#closed) this.#timer = setTimeout(() => void look(), INTERVAL_MS).unref();
    };
    this.#timer = setTimeout(() => void look(), INTERVAL_MS).unref();
  }

  /** Stops the polling; the listener is not called any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #look(listener: PolicyFileListener): Promise<void> {
    const seen = await this.#stamp();
    if (seen === this.#seen && !this.#isYoung && this.#failure?.reported !== false) return;
    this.#seen = seen;
    const reading = await this.#read();
    if (this.#closed) return;
    let { error } = reading;
    if (reading.text !== undefined) {
      if (reading.text === this.#known) {
        this.#failure = undefined;
        return;
      }
      try {
        const rules = parsePolicy(this.path, reading.text);
        this.#known = reading.text;
        this.#failure = undefined;
        listener.onRules(rules);
        return;
      } catch (thrown) {
        error = thrown as PolicyFileError;
      }
    }
    this.#onFailure(error as PolicyFileError, listener);
  }

  /**
   * Reports an error once, and only if two successive polls find it, because a program may be
   * writing the file.
   */
  #onFailure(error: PolicyFileError, listener: PolicyFileListener): void {
    const { message } = error;
    if (this.#failure?.message !== message) {
      this.#failure = { message, reported: false };
    } else if (!this.#failure.reported) {
      this.#failure.reported = true;
      listener.onError(error);
    }
  }

  /** Returns a text that changes with the file, except for a file that was written just before. */
  async #stamp(): Promise<string> {
    try {
      const { dev, ino, size, mode, uid, mtimeNs, ctimeNs, ctimeMs } = await stat(this.path, {
        bigint: true,
      });
      this.#isYoung = Math.abs(Date.now() - Number(ctimeMs)) < YOUNG_MS + INTERVAL_MS;
      return [dev, ino, size, mode, uid, mtimeNs, ctimeNs].join();
    } catch (error) {
      this.#isYoung = false;
      return String((error as NodeJS.ErrnoException).code);
    }
  }

  async #read(): Promise<Reading> {
    const failed = (text: string, cause?: unknown): Reading => ({
      error: new PolicyFileError(this.path, `${this.path}: ${text}`, [], cause),
    });
    try {
      await using file = await open(this.path, 'r');
      const { uid, mode, size } = await file.stat();
      const own = process.geteuid?.() ?? 0;
      if (uid !== own && uid !== 0) {
        return failed(`it belongs to uid ${uid}; it must belong to uid ${own} or root`);
      }
      if ((mode & 0o022) !== 0) {
        return failed('users other than its owner may write to it; run chmod go-w on it');
      }
      if (size > SIZE_MAX) return failed(`it is larger than ${SIZE_MAX} bytes`);
      return { text: await file.readFile('utf8') };
    } catch (error) {
      return failed(`it cannot be read: ${(error as Error).message}`, error);
    }
  }
}
