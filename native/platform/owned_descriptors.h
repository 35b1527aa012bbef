/*
 * The set of descriptors of a device, so that the child of a fork(2) can close them. A fork takes
 * the lock before, and releases it in the parent and in the child. So the child never sees a
 * descriptor that is not in the set yet, or a mapping without its MADV_DONTFORK.
 *
 * Cost: a lock around system calls that create, receive or close a descriptor. Messages without
 * descriptors do not take it.
 */
#ifndef LITEIPC_PLATFORM_OWNED_DESCRIPTORS_H
#define LITEIPC_PLATFORM_OWNED_DESCRIPTORS_H

#include <pthread.h>
#include <stdint.h>

/*
 * Higher numbers are not recorded, and a child does not close its copies of them. New descriptors
 * get the lowest free number, so this needs 16 million open descriptors.
 */
#define OWNED_DESCRIPTORS_MAX (1U << 24)

struct OwnedDescriptors {
    pthread_mutex_t lock;
    /* one bit per number below OWNED_DESCRIPTORS_MAX; pages are allocated on use */
    uint64_t *words;
    uint32_t used; /* words up to the highest number so far */
};

/* Initialises an empty set, which takes 2 MiB of address space. -ENOMEM. */
int OwnedInit(struct OwnedDescriptors *owned);
void OwnedDestroy(struct OwnedDescriptors *owned);

/*
 * Take and release the lock. A thread that holds it may create and close descriptors and mappings;
 * a fork sees all of that or nothing. Not recursive. A thread that holds the lock must not wait.
 * Any thread.
 */
void OwnedEnter(struct OwnedDescriptors *owned);
void OwnedLeave(struct OwnedDescriptors *owned);

/*
 * Add descriptors to the set, or remove them without closing them. Between OwnedEnter and
 * OwnedLeave.
 */
void OwnedAdd(struct OwnedDescriptors *owned, const int *descriptors, unsigned count);
void OwnedRelease(struct OwnedDescriptors *owned, const int *descriptors, unsigned count);

/* Takes the lock, removes a descriptor and closes it. Does nothing for -1. Any thread. */
void OwnedClose(struct OwnedDescriptors *owned, int descriptor);

/*
 * In the child of a fork between OwnedEnter and OwnedLeave: closes all descriptors and releases the
 * lock. Afterwards only OwnedEnter and OwnedLeave may be called.
 */
void OwnedCloseAll(struct OwnedDescriptors *owned);

#endif
