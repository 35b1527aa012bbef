#include "support/attack.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

static bool Check(const char *what, const char *how, bool refused)
{
    if (!refused) {
        fprintf(stderr, "%s: not refused: %s\n", what, how);
    }
    return refused;
}

static bool CannotMap(int descriptor, size_t size, int prot)
{
    void *memory = mmap(NULL, size, prot, MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED) {
        return true;
    }
    munmap(memory, size);
    return false;
}

static bool CannotUpgrade(int descriptor, size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED) {
        return true;
    }
    bool refused = mprotect(memory, size, PROT_READ | PROT_WRITE) != 0 &&
                   mprotect(memory, 4096, PROT_WRITE) != 0 &&
                   madvise(memory, 4096, MADV_REMOVE) != 0;
    munmap(memory, size);
    return refused;
}

/* A private copy may be written, but a write must not reach the file. */
static bool PrivateCopiesStayPrivate(int descriptor, size_t size)
{
    volatile uint8_t *copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
    volatile uint8_t *shared = mmap(NULL, size, PROT_READ, MAP_SHARED, descriptor, 0);
    if (copy == MAP_FAILED || shared == MAP_FAILED) {
        return true;
    }
    uint8_t last = shared[size - 1];
    copy[size - 1] = (uint8_t)~last;
    bool same = shared[size - 1] == last;
    munmap((void *)(uintptr_t)copy, size);
    munmap((void *)(uintptr_t)shared, size);
    return same;
}

static bool CannotWriteFile(int descriptor, size_t size)
{
    static const char junk[64] = "junk";
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    off_t none = 0;
    bool refused =
        pwrite(descriptor, junk, sizeof(junk), 0) < 0 &&
        write(descriptor, junk, sizeof(junk)) < 0 && sendfile(descriptor, zero, &none, 4096) <= 0 &&
        ftruncate(descriptor, 0) != 0 && ftruncate(descriptor, (off_t)size * 2) != 0 &&
        fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) != 0 &&
        fallocate(descriptor, FALLOC_FL_ZERO_RANGE, 0, 4096) != 0 &&
        fallocate(descriptor, 0, 0, (off_t)size + 4096) != 0;
    close(zero);
    return refused;
}

static bool CannotReopen(int descriptor, size_t size)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
    int again = open(path, O_RDWR | O_CLOEXEC);
    if (again < 0) {
        return true;
    }
    bool refused = CannotMap(again, size, PROT_READ | PROT_WRITE) &&
                   CannotMap(again, size, PROT_WRITE) && CannotUpgrade(again, size) &&
                   CannotWriteFile(again, size);
    close(again);
    return refused && open(path, O_RDWR | O_TRUNC | O_CLOEXEC) < 0;
}

/* /proc/PID/mem and process_vm_writev must respect the mapping's protection, too. */
static bool CannotWriteFromOutside(const uint8_t *mapping, size_t size)
{
    uint8_t last = *(volatile const uint8_t *)&mapping[size - 1];
    uint8_t other = (uint8_t)~last;
    struct iovec from = {.iov_base = &other, .iov_len = 1};
    struct iovec to = {.iov_base = (void *)(uintptr_t)&mapping[size - 1], .iov_len = 1};
    bool refused = process_vm_writev(getpid(), &from, 1, &to, 1, 0) < 0;
    int memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    if (memory >= 0) {
        refused = pwrite(memory, &other, 1, (off_t)(uintptr_t)&mapping[size - 1]) < 0 && refused;
        close(memory);
    }
    return refused && *(volatile const uint8_t *)&mapping[size - 1] == last;
}

bool AttackMemoryFails(const char *what, int descriptor, const void *mapping, size_t size)
{
    bool all = Check(what, "mapping it writable",
                     CannotMap(descriptor, size, PROT_READ | PROT_WRITE) &&
                         CannotMap(descriptor, size, PROT_WRITE));
    all &= Check(what, "mprotect or MADV_REMOVE", CannotUpgrade(descriptor, size));
    all &= Check(what, "a write to a private copy reaches the file",
                 PrivateCopiesStayPrivate(descriptor, size));
    all &= Check(what, "writing or resizing the file", CannotWriteFile(descriptor, size));
    all &= Check(what, "reopening it", CannotReopen(descriptor, size));
    all &= Check(what, "other seals", fcntl(descriptor, F_ADD_SEALS, F_SEAL_WRITE) != 0);
    if (mapping != NULL) {
        all &= Check(what, "mprotect of the mapping",
                     mprotect((void *)(uintptr_t)mapping, size, PROT_READ | PROT_WRITE) != 0);
        all &= Check(what, "writing through /proc/self/mem", CannotWriteFromOutside(mapping, size));
    }
    return all;
}

unsigned AttackCountDescriptors(const char *text)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    char link[300];
    char target[256];
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        snprintf(link, sizeof(link), "/proc/self/fd/%s", entry->d_name);
        ssize_t length = readlink(link, target, sizeof(target) - 1);
        if (length > 0) {
            target[length] = '\0';
            count += strstr(target, text) != NULL;
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
    return count;
}
