/*
 * Calls the libc functions behind the interposed ones: the next definition of the name after the
 * shim's, which may be in another preloaded library. They set errno as usual.
 */
#ifndef LITEIPC_PRELOAD_LIBC_CALLS_H
#define LITEIPC_PRELOAD_LIBC_CALLS_H

#include <sys/stat.h>
#include <sys/types.h>

int LibcOpenAt(int directory, const char *path, int flags, mode_t mode);
int LibcClose(int descriptor);
int LibcCloseRange(unsigned first, unsigned last, int flags);
int LibcDup2(int from, int to);
int LibcDup3(int from, int to, int flags);
int LibcFcntl(int descriptor, int command, unsigned long argument);
int LibcIoctl(int descriptor, unsigned long request, unsigned long argument);
void *LibcMmap(void *address, size_t size, int prot, int flags, int descriptor, off_t offset);
int LibcMunmap(void *address, size_t size);
void *LibcMremap(void *address, size_t oldSize, size_t newSize, int flags, void *newAddress);
int LibcFstatAt(int directory, const char *path, struct stat *facts, int flags);
int LibcFstat(int descriptor, struct stat *facts);
int LibcStatx(int directory, const char *path, int flags, unsigned mask, void *facts);
int LibcFaccessAt(int directory, const char *path, int mode, int flags);

#endif
