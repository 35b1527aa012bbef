/**
 * What the words of a message's header mean that LiteIPC itself carries without looking at them.
 */
import type { CookieBits } from '../../types/wire.js';

/** Bits of the `cookie` word. */
export const Cookie: CookieBits = {
  Rich: 1,
  Abortable: 2,
  Metadata: 4,
  Memory: 0x100,
  Outside: 0x200,
};

/** `code` of the one-way message by which a caller aborts the call that its `token` names. */
export const ABORT_CODE = 0xffff_ffff;

/**
 * What a stream's client sends besides the opening call, whose token each of these carries; see
 * docs/streams.md. `Pull`, with an answer: may be answered with one batch of items. `Push`,
 * one-way: a batch of items. `Ready`, with an answer: tells, when that has changed, how many
 * batches the service has taken.
 */
export const StreamCode = {
  Pull: 0xffff_fffd,
  Push: 0xffff_fffc,
  Ready: 0xffff_fffb,
} as const;

/** Whether a `code` is one of {@link StreamCode}. */
export function isStreamCode(code: number): boolean {
  return code >= StreamCode.Ready && code <= StreamCode.Pull;
}
