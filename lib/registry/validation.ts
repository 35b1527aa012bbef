/** Validates the input that processes send to the registry. */
import { checkInteger, checkObject, checkServiceName, unexpected } from '../common/arguments.js';
import { isVersion } from '../contract/contract.js';
import { Refusal } from '../common/errors.js';
import {
  LOOKUP_WAIT_MAX_MS,
  REFUSALS_MAX,
  type LookupInput,
  type RefusalReport,
  type RegisterInput,
} from './protocol.js';

/** Maximum length of a shape, characters. */
const SHAPE_MAX = 48_000;
/** Maximum length of a key, bytes. */
const KEY_MAX = 64;
const ENTRY_NUMBERS = 5;
const COUNT_MAX = Number.MAX_SAFE_INTEGER;

/**
 * Runs a check of input from another process. A TypeError of the check becomes a refusal with
 * EPROTO.
 */
export function checkInput(check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new Refusal('EPROTO', `ServiceManager: ${(error as Error).message} (EPROTO)`);
  }
}

/** Validates the input of `register`. */
export function checkRegister(input: RegisterInput): RegisterInput {
  checkInput(() => {
    checkObject(input, 'the input of register');
    checkServiceName(input.name, 'name');
    const { shape } = input as { shape: unknown };
    if (typeof shape !== 'string' || shape.length > SHAPE_MAX) {
      throw unexpected(`a text of at most ${SHAPE_MAX} characters`, 'shape', shape);
    }
    const { key } = input as { key?: unknown };
    if (key !== undefined && !(key instanceof Uint8Array && key.length <= KEY_MAX)) {
      throw unexpected(`at most ${KEY_MAX} bytes`, 'key', key);
    }
    const { many } = input as { many?: unknown };
    if (many !== undefined && typeof many !== 'boolean') {
      throw unexpected('true or false', 'many', many);
    }
    const { version } = input as { version?: unknown };
    if (version !== undefined && !isVersion(version)) {
      throw unexpected('1 to 64 visible characters', 'version', version);
    }
  });
  return input;
}

/** Validates the input of `lookup`. */
export function checkLookup(input: LookupInput): LookupInput {
  checkInput(() => {
    checkObject(input, 'the input of lookup');
    checkServiceName(input.name, 'name');
    checkInteger(input.hash, 'hash', 0, 0xffff_ffff);
    const { waitMs } = input as { waitMs?: unknown };
    const { known } = input as { known?: unknown };
    if (known !== undefined) checkInteger(known, 'known', 0, 0x7fff_ffff);
    if (waitMs !== undefined) checkInteger(waitMs, 'waitMs', 0, LOOKUP_WAIT_MAX_MS);
  });
  return input;
}

/** Validates the input of `refused`. */
export function checkRefused(input: RefusalReport): RefusalReport {
  checkInput(() => {
    checkObject(input, 'the input of refused');
    checkServiceName(input.name, 'name');
    checkInteger(input.others, 'others', 0, COUNT_MAX);
    const { entries } = input as { entries: unknown };
    if (!Array.isArray(entries) || entries.length > REFUSALS_MAX) {
      throw unexpected(`at most ${REFUSALS_MAX} entries`, 'entries', entries);
    }
    for (const entry of entries as unknown[]) {
      if (!Array.isArray(entry) || entry.length !== ENTRY_NUMBERS) {
        throw unexpected(`${ENTRY_NUMBERS} numbers`, 'an entry', entry);
      }
      for (const number of entry as unknown[]) checkInteger(number, 'an entry', 0, COUNT_MAX);
    }
  });
  return input;
}
