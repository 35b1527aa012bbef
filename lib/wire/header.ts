/** Defines the header words of messages that LiteIPC carries without interpretation. */
import type { CookieBits } from '../../types/wire.js';

/** Bits of the `cookie` word. */
export const Cookie: CookieBits = {
  Rich: 1,
  Abortable: 2,
  Metadata: 4,
  Memory: 0x100,
  Outside: 0x200,
};

/** The `code` of the one-way message by which a caller aborts the call that `token` identifies. */
export const ABORT_CODE = 0xffff_ffff;

/**
 * Codes of the messages that the client of a stream sends after the opening call. Each has the
 * token of that call; see docs/streams.md.
 * - `Pull`, with a reply: requests one batch of items.
 * - `Push`, one-way: carries a batch of items.
 * - `Ready`, with a reply: the reply reports, after a change, how many batches the service has
 *   taken.
 */
export const StreamCode = {
  Pull: 0xffff_fffd,
  Push: 0xffff_fffc,
  Ready: 0xffff_fffb,
} as const;

/** Returns true if `code` is one of {@link StreamCode}. */
export function isStreamCode(code: number): boolean {
  return code >= StreamCode.Ready && code <= StreamCode.Pull;
}
