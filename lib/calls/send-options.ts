/** What a request takes besides its input, and what may be wrong with it. */
import type { CallOptions } from '../contract/call-options.js';
import { encodingErrorText } from '../wire/codec.js';
import type { ContractMethod } from '../contract/method-table.js';
import { LiteIpcError, asError, callError } from '../common/errors.js';
import { FilesToSend } from '../native/files.js';
import type { Route } from './route.js';

/** What LiteIPC itself may say of a call besides the program. */
export interface SendOptions extends CallOptions {
  /**
   * Makes the call abortable, and is told at once by what number: its `userData`, and the message's
   * token.
   */
  readonly onNamed?: ((userData: number) => void) | undefined;
  /** Told whenever it was sent, and by which route: again if who got it first has not begun it. */
  readonly onSent?: ((route: Route) => void) | undefined;
}

/** An error that names the method, made from whatever the encoder threw. */
export function encodingError(error: unknown, method: ContractMethod): Error {
  if (!(error instanceof LiteIpcError) || error.method !== undefined) return asError(error);
  return callError(error.code, method, encodingErrorText('input', error));
}

/**
 * Copies the files of a call. Throws as {@link FilesToSend.from}, and for a method that cannot
 * carry any.
 */
export function filesOf(options: CallOptions, method: ContractMethod): FilesToSend | undefined {
  const { files } = options;
  if (files === undefined || files.length === 0) return undefined;
  if (method.inputParcel !== undefined) {
    throw callError('EINVAL', method, 'files cannot travel with an input in a parcel format');
  }
  return FilesToSend.from(files, method);
}
