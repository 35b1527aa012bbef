/* Interposes mmap(2) for the device, and munmap(2) and mremap(2) to protect the pool's mapping. */
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "preload/libc_calls.h"
#include "preload/shim.h"

void *InterposedMmap(void *address, size_t size, int prot, int flags, int descriptor, off_t offset)
    INTERPOSES(mmap);
void *InterposedMmap64(void *address, size_t size, int prot, int flags, int descriptor,
                       off_t offset) INTERPOSES_TOO(mmap64, mmap);
int InterposedMunmap(void *address, size_t size) INTERPOSES(munmap);
void *InterposedMremap(void *address, size_t oldSize, size_t newSize, int flags, ...)
    INTERPOSES(mremap);

static void *Refuse(int error)
{
    errno = error;
    return MAP_FAILED;
}

void *InterposedMmap(void *address, size_t size, int prot, int flags, int descriptor, off_t offset)
{
    if ((flags & MAP_FIXED) != 0 && PoolViewOverlaps(address, size)) {
        return Refuse(EINVAL);
    }
    void *mapped = LibcMmap(address, size, prot, flags, descriptor, offset);
    /* For the device the OS returns EBADF, also if other arguments are wrong. */
    if (mapped != MAP_FAILED || errno != EBADF || (flags & MAP_ANONYMOUS) != 0 ||
        !NodeIsDescriptor(descriptor)) {
        return mapped;
    }
    if ((flags & MAP_FIXED) != 0) {
        return Refuse(EINVAL); /* the core chooses the address of the pool */
    }
    int status = DeviceMap(size, prot, flags, &mapped);
    return status == 0 ? mapped : Refuse(-status);
}

int InterposedMunmap(void *address, size_t size)
{
    return PoolViewOverlaps(address, size) ? PoolViewUnmap(address, size)
                                           : LibcMunmap(address, size);
}

void *InterposedMremap(void *address, size_t oldSize, size_t newSize, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    void *newAddress = (flags & MREMAP_FIXED) != 0 ? va_arg(arguments, void *) : NULL;
    va_end(arguments);
    /* An old size of 0 duplicates a shared mapping. */
    if (PoolViewOverlaps(address, oldSize == 0 ? 1 : oldSize) ||
        ((flags & MREMAP_FIXED) != 0 && PoolViewOverlaps(newAddress, newSize))) {
        return Refuse(EINVAL);
    }
    return LibcMremap(address, oldSize, newSize, flags, newAddress);
}
