#include "platform/memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define SEALS      (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)
#define NEEDED     (F_SEAL_SHRINK | F_SEAL_WRITE)
#define BLOCK_SIZE 512U /* bytes; the unit of st_blocks */

int MemoryFileCreate(int *descriptor)
{
    int fd = memfd_create("liteipc-value", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return -errno;
    }
    *descriptor = fd;
    return 0;
}

int MemoryFileWrite(int descriptor, uint64_t offset, const void *data, size_t size)
{
    const char *from = data;
    struct rlimit limit;
    if (size > INT64_MAX - offset) {
        return -EFBIG;
    }
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        offset + size > limit.rlim_cur) {
        return -EFBIG; /* the kernel would also raise SIGXFSZ */
    }
    while (size > 0) {
        ssize_t written = pwrite(descriptor, from, size, (off_t)offset);
        if (written < 0 && errno != EINTR) {
            return -errno;
        }
        if (written > 0) {
            from += written;
            offset += (uint64_t)written;
            size -= (size_t)written;
        }
    }
    return 0;
}

int MemoryFileTruncate(int descriptor, uint64_t size)
{
    return ftruncate(descriptor, (off_t)size) == 0 ? 0 : -errno;
}

int MemoryFileSeal(int descriptor)
{
    return fcntl(descriptor, F_ADD_SEALS, SEALS) == 0 ? 0 : -errno;
}

int MemoryFileVerify(int descriptor, uint64_t *size)
{
    struct stat facts;
    struct statfs system;
    if (fstat(descriptor, &facts) != 0 || fstatfs(descriptor, &system) != 0) {
        return -errno;
    }
    int seals = fcntl(descriptor, F_GET_SEALS);
    /* The first access to a huge page can fail, and mapping huge pages has other rules. */
    if (seals < 0 || (seals & NEEDED) != NEEDED || system.f_type != TMPFS_MAGIC) {
        return -EPROTO;
    }
    /* Reading a hole would allocate memory, charged to this process. */
    if ((uint64_t)facts.st_blocks * BLOCK_SIZE < (uint64_t)facts.st_size) {
        return -EPROTO;
    }
    *size = (uint64_t)facts.st_size;
    return 0;
}

/* Returns the distance of `offset` from the start of its page, in bytes. */
static size_t InPage(uint64_t offset)
{
    return (size_t)(offset % (uint64_t)sysconf(_SC_PAGESIZE));
}

int MemoryFileMap(int descriptor, uint64_t offset, size_t size, void **data)
{
    size_t before = InPage(offset);
    void *memory = mmap(NULL, before + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
                        descriptor, (off_t)(offset - before));
    if (memory == MAP_FAILED) {
        return -errno;
    }
    *data = (char *)memory + before;
    return 0;
}

void MemoryFileUnmap(void *data, size_t size)
{
    size_t before = InPage((uint64_t)(uintptr_t)data);
    (void)munmap((char *)data - before, before + size);
}
