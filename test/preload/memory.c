/*
 * Tests the pool's mapping and the operations that a program may try on it. None may make the pool
 * writable, crash the core, or let the core access memory that now belongs to the program.
 */
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>

#include "support/device.h"

#define PAGE 4096

static void CheckRefusals(int device)
{
    struct {
        size_t size;
        int prot, flags;
    } bad[] = {
        {POOL_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE},
        {POOL_SIZE, PROT_WRITE, MAP_PRIVATE},
        {POOL_SIZE, PROT_NONE, MAP_PRIVATE},
        {POOL_SIZE, PROT_READ, MAP_SHARED},
        {POOL_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED},
        {0, PROT_READ, MAP_PRIVATE},
        {(size_t)1 << 40, PROT_READ, MAP_PRIVATE},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_ERRNO(mmap((void *)0x10000000, bad[i].size, bad[i].prot, bad[i].flags, device, 0),
                    EINVAL);
    }
    CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
}

/* Sends a message to this task and receives it: the core works. */
static void CheckWorks(int device, uint32_t self, bool read)
{
    IpcMsg *msg;
    uint32_t value = 77;
    IpcMsg request = Request(self, 5, &value, sizeof(value));
    CHECK(Send(device, &request) == 0);
    CHECK(Receive(device, &msg) == 0);
    if (read) {
        CHECK(msg->code == 5 && *(uint32_t *)msg->data == 77);
    }
    CHECK(Free(device, msg) == 0);
    CHECK_ERRNO(Free(device, msg), EFAULT);
}

static sigjmp_buf afterFault;

static void OnFault(int number)
{
    siglongjmp(afterFault, number);
}

/* In this process, because a child does not inherit the pool. */
static bool WritingFaults(volatile char *address)
{
    struct sigaction before, action = {.sa_handler = OnFault};
    CHECK(sigaction(SIGSEGV, &action, &before) == 0);
    volatile bool faulted = true;
    if (sigsetjmp(afterFault, 1) == 0) {
        *address = 1;
        faulted = false;
    }
    CHECK(sigaction(SIGSEGV, &before, NULL) == 0);
    return faulted;
}

static void CheckReadOnly(char *pool)
{
    CHECK_ERRNO(mprotect(pool, PAGE, PROT_READ | PROT_WRITE), EACCES);
    CHECK_ERRNO(mprotect(pool, POOL_SIZE, PROT_WRITE), EACCES);
    CHECK_ERRNO(syscall(SYS_mprotect, pool, PAGE, PROT_READ | PROT_WRITE), EACCES);
    CHECK(mprotect(pool, PAGE, PROT_READ) == 0);
    CHECK(WritingFaults(pool));
}

static void CheckMoves(char *pool)
{
    char *room =
        mmap(NULL, 4 * POOL_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(room != MAP_FAILED);
    CHECK_ERRNO(mremap(pool, POOL_SIZE, 2 * POOL_SIZE, MREMAP_MAYMOVE), EINVAL);
    CHECK_ERRNO(mremap(pool, POOL_SIZE, PAGE, 0), EINVAL);
    CHECK_ERRNO(mremap(pool, 0, POOL_SIZE, MREMAP_MAYMOVE), EINVAL);
    CHECK_ERRNO(mremap(pool + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room), EINVAL);
    CHECK_ERRNO(mremap(room, POOL_SIZE, POOL_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, pool), EINVAL);
    CHECK_ERRNO(
        mmap(pool, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
        EINVAL);
    /* The program's own memory is moved as usual. */
    char *moved = mremap(room, 4 * POOL_SIZE, 8 * POOL_SIZE, MREMAP_MAYMOVE);
    CHECK(moved != MAP_FAILED);
    CHECK(munmap(moved, 8 * POOL_SIZE) == 0);
}

static bool IsMapped(char *address)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    bool readable = write(ends[1], address, 1) == 1;
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
    return readable;
}

static void CheckUnmap(int device, uint32_t self, char *pool)
{
    CHECK_ERRNO(munmap(pool + 1, PAGE), EINVAL);
    CHECK(IsMapped(pool) && IsMapped(pool + PAGE));
    CHECK(munmap(pool + PAGE, PAGE) == 0);
    CHECK(IsMapped(pool) && !IsMapped(pool + PAGE) && IsMapped(pool + 2 * PAGE));
    CheckWorks(device, self, false);
    CHECK(munmap(pool, POOL_SIZE) == 0);
    CHECK(munmap(pool, POOL_SIZE) == 0); /* as for any range */
    CHECK(!IsMapped(pool) && !IsMapped(pool + 2 * PAGE));
    /*
     * The program's next mappings must not be placed there, because the core unmaps the range at
     * exit.
     */
    for (int i = 0; i < 64; i++) {
        char *other = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(other != MAP_FAILED && (other < pool || other >= pool + POOL_SIZE));
    }
    CheckWorks(device, self, false);
    CHECK(mmap(NULL, POOL_SIZE, PROT_READ, MAP_PRIVATE, device, 0) == MAP_FAILED &&
          errno == EEXIST);
}

int main(void)
{
    int device = DeviceOpenOnly();
    CheckRefusals(device);
    char *pool = mmap(NULL, POOL_SIZE, PROT_READ, MAP_PRIVATE, device, 0);
    CHECK(pool != MAP_FAILED && (uintptr_t)pool % PAGE == 0);
    CHECK(mmap(NULL, POOL_SIZE, PROT_READ, MAP_PRIVATE, device, 0) == MAP_FAILED &&
          errno == EEXIST);
    BecomeManager(device);
    uint32_t self = (uint32_t)ioctl(device, IPC_SET_IPC_THREAD, 0);
    CheckWorks(device, self, true);
    CheckReadOnly(pool);
    CheckWorks(device, self, true);
    CheckMoves(pool);
    CheckWorks(device, self, true);
    CHECK_ERRNO(Free(device, pool), EFAULT);
    CHECK_ERRNO(Free(device, pool + 3), EFAULT);
    CHECK_ERRNO(Free(device, &pool), EINVAL);
    CHECK_ERRNO(Free(device, NULL), EINVAL);
    CheckUnmap(device, self, pool);
    printf("ok\n");
    return 0;
}
