/*
 * Values that are too large for a message, in memfds. The sender fills a memfd, seals it against
 * every change, and passes its descriptor. The receiver checks the seals and maps it. No state; any
 * thread. Source: memfd_create(2), fcntl(2) F_ADD_SEALS, mmap(2).
 */
#ifndef LITEIPC_PLATFORM_MEMORY_FILE_H
#define LITEIPC_PLATFORM_MEMORY_FILE_H

#include <stddef.h>
#include <stdint.h>

/* Creates an empty memfd, close-on-exec, owned by the caller. -EMFILE, -ENFILE, -ENOMEM. */
int MemoryFileCreate(int *descriptor);

/*
 * Writes `size` bytes at `offset` (bytes). -ENOMEM or -ENOSPC: no memory; -EFBIG: over this
 * process's RLIMIT_FSIZE (raises no SIGXFSZ); -EFAULT: `data` is not readable. After an error a
 * part may have been written.
 */
int MemoryFileWrite(int descriptor, uint64_t offset, const void *data, size_t size);

/* Removes the bytes after the first `size`. */
int MemoryFileTruncate(int descriptor, uint64_t size);

/* Seals the memfd: its bytes and size cannot change any more. -EBUSY: it is mapped writable. */
int MemoryFileSeal(int descriptor);

/*
 * Checks that a received memfd cannot change any more, and that reading it neither fails nor
 * allocates memory. Sets *size, in bytes. -EBADF; -EPROTO: not a memfd, not sealed against writing
 * and shrinking, made of huge pages, or with holes.
 */
int MemoryFileVerify(int descriptor, uint64_t *size);

/*
 * Maps `size` bytes from `offset` (any number) of a verified memfd. The mapping is private: a write
 * changes only this process's copy. MemoryFileUnmap ends it. -EACCES: the descriptor is not
 * readable.
 */
int MemoryFileMap(int descriptor, uint64_t offset, size_t size, void **data);
void MemoryFileUnmap(void *data, size_t size);

#endif
