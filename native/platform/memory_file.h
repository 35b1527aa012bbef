/*
 * Values that are too large for a message, as memfds: whoever sends one fills it, seals it against
 * every change, and passes its descriptor; whoever gets one checks the seals and maps it. No state;
 * any thread. Source: memfd_create(2), fcntl(2) F_ADD_SEALS, mmap(2).
 */
#ifndef LITEIPC_PLATFORM_MEMORY_FILE_H
#define LITEIPC_PLATFORM_MEMORY_FILE_H

#include <stddef.h>
#include <stdint.h>

/* An empty one, close-on-exec, the caller's. -EMFILE, -ENFILE, -ENOMEM. */
int MemoryFileCreate(int *descriptor);

/*
 * Writes `size` bytes at `offset` (bytes). -ENOMEM or -ENOSPC: there is no memory; -EFBIG: it would
 * become larger than this process may make files (without the signal that a file brings); -EFAULT:
 * the source has gone away meanwhile. After an error, part of it may have been written.
 */
int MemoryFileWrite(int descriptor, uint64_t offset, const void *data, size_t size);

/* Takes back what lies behind the first `size` bytes. */
int MemoryFileTruncate(int descriptor, uint64_t size);

/* Seals it: from now on nobody can change its bytes or its size. -EBUSY: it is mapped writable. */
int MemoryFileSeal(int descriptor);

/*
 * *size: the bytes of somebody else's memfd, once it is certain that nobody can change it any more
 * and that reading it never fails, nor takes memory. -EBADF, or -EPROTO: it is no memfd, is not
 * sealed against writing and shrinking, is made of huge pages, or has holes.
 */
int MemoryFileVerify(int descriptor, uint64_t *size);

/*
 * Maps `size` bytes from `offset`, any number, of a memfd that was verified. The mapping is
 * private: who writes to it changes a copy of its own. Ends with MemoryFileUnmap. -EACCES: the
 * descriptor cannot be read.
 */
int MemoryFileMap(int descriptor, uint64_t offset, size_t size, void **data);
void MemoryFileUnmap(void *data, size_t size);

#endif
