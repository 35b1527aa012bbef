/**
 * A policy file and its changes. It is looked at in intervals instead of by inotify: that also sees
 * files that are replaced by renaming, symbolic links that are turned, mounts and network file
 * systems.
 */
import { open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Rule } from './rules.js';
import { PolicyFileError } from './file-error.js';
import { parsePolicy } from './parse.js';

/** How often the file is looked at, ms. */
const INTERVAL_MS = 250;
/** A file that was written this short ago can change again without its times changing, ms. */
const YOUNG_MS = 100;
const SIZE_MAX = 4 * 1024 * 1024;

/** What a policy file tells while it is watched. */
export interface PolicyFileListener {
  /** It has changed and is good. */
  onRules(rules: readonly Rule[]): void;
  /** It has changed and is not good, or is not there. Told once for each state of the file. */
  onError(error: PolicyFileError): void;
}

interface Reading {
  readonly text?: string;
  readonly error?: PolicyFileError;
}

/** One policy file. */
export class PolicyFile {
  /** Absolute. */
  readonly path: string;
  #seen = '';
  #isYoung = true;
  /** What was read last, and whether the listener knows. */
  #known: string | undefined;
  #failure: { readonly message: string; told: boolean } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(path: string) {
    this.path = resolve(path);
  }

  /** Reads it now. Rejects with a {@link PolicyFileError}. */
  async load(): Promise<readonly Rule[]> {
    const { text, error } = await this.#read();
    if (text === undefined) throw error as PolicyFileError;
    const rules = parsePolicy(this.path, text);
    this.#known = text;
    this.#failure = undefined;
    return rules;
  }

  /** Looks for changes from now on; does not keep the process alive. */
  watch(listener: PolicyFileListener): void {
    const look = async (): Promise<void> => {
      await this.#look(listener);
      if (!this.#closed) this.#timer = setTimeout(() => void look(), INTERVAL_MS).unref();
    };
    this.#timer = setTimeout(() => void look(), INTERVAL_MS).unref();
  }

  /** The listener is told nothing any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #look(listener: PolicyFileListener): Promise<void> {
    const seen = await this.#stamp();
    if (seen === this.#seen && !this.#isYoung && this.#failure?.told !== false) return;
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

  /** Perhaps somebody is writing it at the moment: what is wrong twice in a row is told, once. */
  #onFailure(error: PolicyFileError, listener: PolicyFileListener): void {
    const { message } = error;
    if (this.#failure?.message !== message) {
      this.#failure = { message, told: false };
    } else if (!this.#failure.told) {
      this.#failure.told = true;
      listener.onError(error);
    }
  }

  /** Changes when the file does, except for a young one. */
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
        return failed(`it belongs to uid ${uid}; it must be of uid ${own} or root`);
      }
      if ((mode & 0o022) !== 0) {
        return failed('others than its owner may write it; use chmod go-w');
      }
      if (size > SIZE_MAX) return failed(`it is larger than ${SIZE_MAX} bytes`);
      return { text: await file.readFile('utf8') };
    } catch (error) {
      return failed(`it cannot be read: ${(error as Error).message}`, error);
    }
  }
}
