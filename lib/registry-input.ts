/** Checks what processes send to the registry. */
import { checkInteger, checkObject, checkServiceName, unexpected } from './checks.js';
import { Refusal } from './errors.js';
import { LOOKUP_WAIT_MAX_MS, type LookupInput, type RegisterInput } from './registry-protocol.js';

/** Longest shape that is taken, characters. */
const SHAPE_MAX = 48_000;
/** Longest key that is taken, bytes. */
const KEY_MAX = 64;

/** Input comes from other processes: what does not fit is refused, not thrown as a TypeError of theirs. */
export function checkInput(check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new Refusal('EPROTO', `ServiceManager: ${(error as Error).message} (EPROTO)`);
  }
}

/** The input of `register`. */
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
  });
  return input;
}

/** The input of `lookup`. */
export function checkLookup(input: LookupInput): LookupInput {
  checkInput(() => {
    checkObject(input, 'the input of lookup');
    checkServiceName(input.name, 'name');
    checkInteger(input.hash, 'hash', 0, 0xffff_ffff);
    const { waitMs } = input as { waitMs?: unknown };
    if (waitMs !== undefined) checkInteger(waitMs, 'waitMs', 0, LOOKUP_WAIT_MAX_MS);
  });
  return input;
}
