/*
 * Which descriptors a device holds, so that the child of a fork(2) can close them. Whoever forks
 * takes the lock before and gives it back after, in the parent and in the child: no thread is ever
 * caught between a descriptor's coming and its entry here, or between a mapping and its
 * MADV_DONTFORK.
 *
 * Cost: a lock around system calls that make, receive or close something. No message takes it,
 * unless it carries descriptors.
 */
#ifndef LITEIPC_PLATFORM_OWNED_DESCRIPTORS_H
#define LITEIPC_PLATFORM_OWNED_DESCRIPTORS_H

#include <pthread.h>
#include <stdint.h>

/*
 * Higher numbers are not entered, and a child keeps its copies of them. New descriptors get the
 * lowest free number: a process that comes so far has 16 million open.
 */
#define OWNED_DESCRIPTORS_MAX (1U << 24)

struct OwnedDescriptors {
    pthread_mutex_t lock;
    uint64_t *words; /* a bit for each number below OWNED_DESCRIPTORS_MAX; touched as it is used */
    uint32_t used;   /* words up to the highest number so far */
};

/* Empty. -ENOMEM: there are 2 MiB of address space in it. Ends with OwnedDestroy. */
int OwnedInit(struct OwnedDescriptors *owned);
void OwnedDestroy(struct OwnedDescriptors *owned);

/*
 * Between these two, descriptors and mappings may come and go, and no fork sees them half done. Not
 * recursive, and nothing that waits may be done there. Any thread.
 */
void OwnedEnter(struct OwnedDescriptors *owned);
void OwnedLeave(struct OwnedDescriptors *owned);

/*
 * Between OwnedEnter and OwnedLeave: these are the device's; these are not any more (still open).
 */
void OwnedAdd(struct OwnedDescriptors *owned, const int *descriptors, unsigned count);
void OwnedRelease(struct OwnedDescriptors *owned, const int *descriptors, unsigned count);

/* Any thread, enters and leaves by itself: closes a descriptor; -1 is none. */
void OwnedClose(struct OwnedDescriptors *owned, int descriptor);

/*
 * In the child of a fork that was made between OwnedEnter and OwnedLeave: closes them all and
 * leaves. Of `owned` nothing may be used any more but OwnedEnter and OwnedLeave.
 */
void OwnedCloseAll(struct OwnedDescriptors *owned);

#endif
