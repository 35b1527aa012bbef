/** What the words of a message's header mean that LiteIPC itself carries without looking at them. */
import type { CookieBits } from '../types/wire.js';

/** Bits of the `cookie` word. */
export const Cookie: CookieBits = { Rich: 1, Abortable: 2, Metadata: 4 };

/** `code` of the one-way message by which a caller aborts the call that its `token` names. */
export const ABORT_CODE = 0xffff_ffff;
