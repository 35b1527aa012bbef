/*
 * Memory with one writing process: a memfd that its maker maps writable, then seals
 * SHRINK | GROW | FUTURE_WRITE | SEAL in one call, so that nobody, the maker included, can ever map
 * it writable again, resize it, or take a page away under a reader.
 * Source: memfd_create(2), fcntl(2) F_ADD_SEALS.
 */
#ifndef LITEIPC_PLATFORM_SHARED_MEMORY_H
#define LITEIPC_PLATFORM_SHARED_MEMORY_H

#include <stddef.h>

/*
 * Makes `size` bytes (a multiple of 4096) of zeroes. *mapping is writable and not inherited by
 * fork(2); it belongs to the caller, who ends it with SharedMemoryUnmap. *descriptor is
 * close-on-exec and belongs to the caller. `name` is for /proc. -EMFILE, -ENFILE, -ENOMEM, -EFBIG.
 */
int SharedMemoryCreate(const char *name, size_t size, void **mapping, int *descriptor);

/*
 * Maps somebody else's memory read-only, after checking that it is a memfd of exactly `size` bytes
 * with these seals: -EPERM if not. The descriptor stays the caller's.
 */
int SharedMemoryMap(int descriptor, size_t size, const void **mapping);

/* 0 if the descriptor is such a memory of `size` bytes (any size if 0), else -EPERM. */
int SharedMemoryVerify(int descriptor, size_t size);

void SharedMemoryUnmap(const void *mapping, size_t size);

#endif
