/*
 * Bells: how one process wakes a thread of another that sleeps in epoll. A bell is a pipe: whoever
 * rings writes a byte, and each write is an edge for the sleeper, who reads them only now and then.
 *
 * Why not an eventfd: whether a write blocks is a flag that both ends of an eventfd share, so a
 * hostile receiver could fill the counter, clear the flag and hang its senders. A write to a pipe
 * can be told not to block by itself (pwritev2(2) RWF_NOWAIT, Linux 6.4 for pipes; before that the
 * shared flag is all there is). Why not a socket: sending is three times as slow.
 *
 * The ringing side holds both ends, so that a receiver's death is no SIGPIPE.
 */
#ifndef LITEIPC_PLATFORM_BELL_H
#define LITEIPC_PLATFORM_BELL_H

#include <stdbool.h>

#include "platform/owned_descriptors.h"

/* Rings that a bell holds at least before it must be drained, or further rings are lost. */
#define BELL_CAPACITY 4096U

struct Bell {
    int listen; /* the end that becomes readable */
    int ring;   /* the end to write to */
};

/* Both ends close-on-exec and non-blocking, the caller's. -EMFILE, -ENFILE. */
int BellCreate(struct Bell *bell);

/* Wakes whoever listens. Never blocks, never signals; a bell that is full has rung already. */
void BellRing(int ring);

/* Takes all rings out. Never blocks. */
void BellDrain(int listen);

/* Closes what is open of a bell and forgets it. */
void BellClose(struct Bell *bell);
/* The same for a bell whose ends are entered in `owned`. */
void BellCloseOwned(struct OwnedDescriptors *owned, struct Bell *bell);

/* Is this an end of a pipe, open for writing or for reading. Never blocks. */
bool BellIsEnd(int descriptor, bool forWriting);

#endif
