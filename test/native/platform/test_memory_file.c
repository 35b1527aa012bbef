/*
 * Tests sealed memfds (platform/memory_file.h): which files are trusted, which are refused, and
 * that trusted files cannot change.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "platform/memory_file.h"

#define SIZE 10000

static void Fill(unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(i * 7 + (i >> 8));
    }
}

/* Creates a sealed memfd of SIZE bytes. */
static int MakeSealed(void)
{
    unsigned char bytes[SIZE];
    int fd;
    Fill(bytes, SIZE);
    assert_int_equal(MemoryFileCreate(&fd), 0);
    assert_int_equal(MemoryFileWrite(fd, 0, bytes, 5000), 0);
    assert_int_equal(MemoryFileWrite(fd, 5000, bytes + 5000, SIZE - 5000), 0);
    assert_int_equal(MemoryFileSeal(fd), 0);
    return fd;
}

/* Creates a memfd as another program would: `seals` on `size` bytes, written or not. */
static int MakeForeign(int seals, size_t size, int written, unsigned flags)
{
    int fd = memfd_create("foreign", MFD_ALLOW_SEALING | flags);
    if (fd < 0) {
        return -1;
    }
    if (written) {
        char bytes[SIZE] = {0};
        assert_int_equal(write(fd, bytes, size), size);
    } else {
        assert_int_equal(ftruncate(fd, (off_t)size), 0);
    }
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void TestRoundTrip(void **state)
{
    (void)state;
    unsigned char wanted[SIZE];
    Fill(wanted, SIZE);
    int fd = MakeSealed();
    uint64_t size = 0;
    assert_int_equal(MemoryFileVerify(fd, &size), 0);
    assert_int_equal(size, SIZE);
    static const struct {
        uint64_t offset;
        size_t size;
    } parts[] = {{0, SIZE}, {0, 1}, {1, 4095}, {4095, 2}, {4096, 4096}, {SIZE - 1, 1}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        void *data = NULL;
        assert_int_equal(MemoryFileMap(fd, parts[i].offset, parts[i].size, &data), 0);
        assert_memory_equal(data, wanted + parts[i].offset, parts[i].size);
        memset(data, 1, parts[i].size); /* a copy of our own */
        MemoryFileUnmap(data, parts[i].size);
        unsigned char still[SIZE];
        assert_int_equal(pread(fd, still, SIZE, 0), SIZE);
        assert_memory_equal(still, wanted, SIZE);
    }
    (void)close(fd);
}

static void TestSealedForEveryone(void **state)
{
    (void)state;
    int fd = MakeSealed();
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, SIZE * 2), -1);
    assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
    assert_ptr_equal(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    (void)close(fd);
}

static void TestNotTrusted(void **state)
{
    (void)state;
    const int both = F_SEAL_SHRINK | F_SEAL_WRITE;
    uint64_t size;
    static const int seals[] = {0, F_SEAL_WRITE, F_SEAL_SHRINK, F_SEAL_GROW | F_SEAL_SEAL,
                                F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE};
    for (size_t i = 0; i < sizeof(seals) / sizeof(seals[0]); i++) {
        int fd = MakeForeign(seals[i], SIZE, 1, MFD_CLOEXEC);
        assert_int_equal(MemoryFileVerify(fd, &size), -EPROTO);
        (void)close(fd);
    }
    int holes = MakeForeign(both, (size_t)1 << 40, 0, MFD_CLOEXEC);
    assert_int_equal(MemoryFileVerify(holes, &size), -EPROTO);
    (void)close(holes);
    int huge = MakeForeign(both, 0, 0, MFD_CLOEXEC | MFD_HUGETLB);
    if (huge >= 0) {
        assert_int_equal(MemoryFileVerify(huge, &size), -EPROTO);
        (void)close(huge);
    }
    int good = MakeForeign(both, SIZE, 1, MFD_CLOEXEC);
    assert_int_equal(MemoryFileVerify(good, &size), 0);
    assert_int_equal(size, SIZE);
    (void)close(good);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(MemoryFileVerify(pipes[0], &size), -EPROTO);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    assert_int_equal(MemoryFileVerify(pipes[0], &size), -EBADF);
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(MemoryFileVerify(file, &size), -EPROTO);
    (void)close(file);
}

static void TestMappedWritable(void **state)
{
    (void)state;
    int fd;
    assert_int_equal(MemoryFileCreate(&fd), 0);
    assert_int_equal(MemoryFileWrite(fd, 0, "x", 1), 0);
    void *writable = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(writable, MAP_FAILED);
    assert_int_equal(MemoryFileSeal(fd), -EBUSY);
    (void)munmap(writable, 1);
    assert_int_equal(MemoryFileSeal(fd), 0);
    (void)close(fd);
}

static void TestWriteErrors(void **state)
{
    (void)state;
    int fd;
    struct rlimit before, small = {4096, RLIM_INFINITY};
    char bytes[SIZE] = {0};
    assert_int_equal(MemoryFileCreate(&fd), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(MemoryFileWrite(fd, 0, bytes, 4096), 0);
    assert_int_equal(MemoryFileWrite(fd, 4096, bytes, 1), -EFBIG); /* no SIGXFSZ */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(MemoryFileWrite(fd, INT64_MAX, bytes, 1), -EFBIG);
    /* The source is unmapped: an error, no signal. */
    void *gone = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(gone, MAP_FAILED);
    assert_int_equal(mprotect(gone, 8192, PROT_NONE), 0);
    assert_int_equal(MemoryFileWrite(fd, 0, gone, 8192), -EFAULT);
    (void)munmap(gone, 8192);
    assert_int_equal(MemoryFileTruncate(fd, 10), 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), 10);
    int readOnly = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(MemoryFileWrite(readOnly, 0, "x", 1), -EBADF);
    (void)close(readOnly);
    (void)close(fd);
}

static void TestUnreadable(void **state)
{
    (void)state;
    char path[64];
    void *data;
    uint64_t size;
    int other = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", other);
    assert_int_equal(write(other, "abc", 3), 3);
    int writeOnly = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(writeOnly >= 0);
    assert_int_equal(MemoryFileSeal(other), 0);
    assert_int_equal(MemoryFileVerify(writeOnly, &size), 0);
    assert_int_equal(MemoryFileMap(writeOnly, 0, 3, &data), -EACCES);
    (void)close(writeOnly);
    (void)close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(TestRoundTrip),   cmocka_unit_test(TestSealedForEveryone),
        cmocka_unit_test(TestNotTrusted),  cmocka_unit_test(TestMappedWritable),
        cmocka_unit_test(TestWriteErrors), cmocka_unit_test(TestUnreadable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
