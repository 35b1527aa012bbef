#include "conformance/portable.h"

#include "conformance/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance/table.h"
#include "liteipc/hm_liteipc.h"

#define POOL_SIZE 4096U

/* The stage at which a probe ended. */
enum ProbeStage { STAGE_OPEN, STAGE_MAP, STAGE_ASK, STAGE_COUNT };

struct ProbeResult {
    enum ProbeStage stage;
    int error; /* 0: the stage succeeded */
};

static struct ProbeResult Look(const char *path)
{
    int descriptor = open(path, O_RDONLY);
    if (descriptor < 0) {
        return (struct ProbeResult){STAGE_OPEN, errno};
    }
    if (mmap(NULL, POOL_SIZE, PROT_READ, MAP_PRIVATE, descriptor, 0) == MAP_FAILED) {
        return (struct ProbeResult){STAGE_MAP, errno};
    }
    /* Only a device with a ServiceManager lets a task become the IPC task of its process. */
    int result = ioctl(descriptor, IPC_SET_IPC_THREAD, 0);
    return (struct ProbeResult){STAGE_ASK, result >= 0 ? 0 : errno};
}

int ProbeDevice(const char *path, char *message, size_t size)
{
    static const char *const STAGES[STAGE_COUNT] = {"open", "mmap", "ioctl"};
    struct ProbeResult result = {STAGE_OPEN, EIO};
    int ends[2];
    char name[32];
    message[0] = '\0';
    (void)fflush(NULL);
    if (pipe(ends) != 0) {
        (void)snprintf(message, size, "no pipe: %s", ErrorName(errno, name));
        return -EMFILE;
    }
    pid_t child = fork();
    if (child == 0) {
        result = Look(path);
        ssize_t written = write(ends[1], &result, sizeof(result));
        _exit(written == (ssize_t)sizeof(result) ? 0 : 1);
    }
    (void)close(ends[1]);
    ssize_t length;
    do {
        length = child < 0 ? 0 : read(ends[0], &result, sizeof(result));
    } while (length < 0 && errno == EINTR);
    (void)close(ends[0]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    if (length != (ssize_t)sizeof(result)) {
        (void)snprintf(message, size, "the process that opens %.64s ends before it is done", path);
        return -EIO;
    }
    if (result.stage == STAGE_ASK && result.error == EINVAL) {
        return 0;
    }
    if (result.stage == STAGE_ASK && result.error == 0) {
        (void)snprintf(message, size,
                       "%.64s is not new: it has or had a ServiceManager; start the system anew",
                       path);
        return -EEXIST;
    }
    (void)snprintf(message, size, "%s of %.64s: %s", STAGES[result.stage], path,
                   ErrorName(result.error, name));
    return -result.error;
}
