#include "platform/shared_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

int SharedMemoryCreate(const char *name, size_t size, void **mapping, int *descriptor)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return -errno;
    }
    int status = 0;
    void *memory = MAP_FAILED;
    if (ftruncate(fd, (off_t)size) != 0) {
        status = -errno;
    } else {
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (memory == MAP_FAILED) {
            status = -errno;
        } else if (fcntl(fd, F_ADD_SEALS, SEALS) != 0 ||
                   madvise(memory, size, MADV_DONTFORK) != 0) {
            status = -errno;
        }
    }
    if (status != 0) {
        if (memory != MAP_FAILED) {
            (void)munmap(memory, size);
        }
        (void)close(fd);
        return status;
    }
    *mapping = memory;
    *descriptor = fd;
    return 0;
}

int SharedMemoryVerify(int descriptor, size_t size)
{
    struct stat facts;
    int seals = fcntl(descriptor, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(descriptor, &facts) != 0) {
        return -EPERM;
    }
    return size == 0 || (uint64_t)facts.st_size == size ? 0 : -EPERM;
}

int SharedMemoryMap(int descriptor, size_t size, const void **mapping)
{
    int status = SharedMemoryVerify(descriptor, size);
    if (status != 0) {
        return status;
    }
    void *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED) {
        return -errno;
    }
    if (madvise(memory, size, MADV_DONTFORK) != 0) {
        status = -errno;
        (void)munmap(memory, size);
        return status;
    }
    *mapping = memory;
    return 0;
}

void SharedMemoryUnmap(const void *mapping, size_t size)
{
    if (mapping != NULL) {
        (void)munmap((void *)(uintptr_t)mapping, size);
    }
}
