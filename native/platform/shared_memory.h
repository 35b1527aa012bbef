/*
 * Memory with one writing process: a memfd that its creator maps writable and then seals with
 * SHRINK | GROW | FUTURE_WRITE | SEAL in one call. No process, not even the creator, can then map
 * it writable again, resize it, or remove a page that a reader uses.
 * Source: memfd_create(2), fcntl(2) F_ADD_SEALS.
 */
#ifndef LITEIPC_PLATFORM_SHARED_MEMORY_H
#define LITEIPC_PLATFORM_SHARED_MEMORY_H

#include <stddef.h>

/*
 * Creates `size` bytes (a multiple of 4096) of zeroes. *mapping is writable and not inherited by
 * fork(2); the caller ends it with SharedMemoryUnmap. *descriptor is close-on-exec and belongs to
 * the caller. `name` is visible in /proc. -EMFILE, -ENFILE, -ENOMEM, -EFBIG.
 */
int SharedMemoryCreate(const char *name, size_t size, void **mapping, int *descriptor);

/*
 * Maps memory of another process read-only. -EPERM: not a memfd of exactly `size` bytes with these
 * seals. The caller still owns the descriptor.
 */
int SharedMemoryMap(int descriptor, size_t size, const void **mapping);

/* Checks for a memfd of `size` bytes (0 = any size) with these seals. 0 or -EPERM. */
int SharedMemoryVerify(int descriptor, size_t size);

void SharedMemoryUnmap(const void *mapping, size_t size);

#endif
