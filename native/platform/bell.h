/*
 * Bells: wake a thread of another process that waits in epoll. A bell is a pipe. Each ring writes a
 * byte and causes an edge-triggered event; the receiver reads the bytes only now and then.
 *
 * An eventfd is not used because its two ends share the flag that decides whether a write blocks: a
 * hostile receiver could fill the counter, clear the flag and block its senders. A single write to
 * a pipe can be made non-blocking (pwritev2(2) RWF_NOWAIT, Linux 6.4 for pipes; older kernels have
 * only the shared flag). A socket is not used because sending takes three times as long.
 *
 * The sender holds both ends, so that the end of a receiver does not raise SIGPIPE.
 */
#ifndef LITEIPC_PLATFORM_BELL_H
#define LITEIPC_PLATFORM_BELL_H

#include <stdbool.h>

#include "platform/owned_descriptors.h"

/* The rings that a bell holds at least. When it is full, further rings are lost. */
#define BELL_CAPACITY 4096U

struct Bell {
    int listen; /* the end that becomes readable */
    int ring;   /* the end to write to */
};

/* Creates a bell. The caller owns both ends, close-on-exec and non-blocking. -EMFILE, -ENFILE. */
int BellCreate(struct Bell *bell);

/* Wakes the receiver. Never blocks and never raises a signal. A full bell has rung already. */
void BellRing(int ring);

/* Reads all rings. Never blocks. */
void BellDrain(int listen);

/* Closes the open ends of a bell and sets them to -1. */
void BellClose(struct Bell *bell);
/* The same for a bell whose ends are in `owned`. */
void BellCloseOwned(struct OwnedDescriptors *owned, struct Bell *bell);

/* Returns true for an end of a pipe that is open for writing or for reading. Never blocks. */
bool BellIsEnd(int descriptor, bool forWriting);

#endif
