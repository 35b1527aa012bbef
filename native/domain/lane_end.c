#include "domain/lane_end.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "domain/user.h"

#define CURSORS_SIZE 4096U /* bytes */

bool DomainIsSealedMemory(int descriptor, uint64_t size)
{
    const int required = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
    struct stat facts;
    struct statfs system;
    int seals = fcntl(descriptor, F_GET_SEALS);

    /* Huge pages are refused: reading a hole in them can raise SIGBUS. */
    return seals >= 0 && (seals & required) == required && (seals & F_SEAL_WRITE) == 0 &&
           fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode) &&
           (uint64_t)facts.st_size == size && fstatfs(descriptor, &system) == 0 &&
           system.f_type == TMPFS_MAGIC;
}

int DomainLaneEndAdd(struct Domain *domain, struct DomainThread *thread, struct DomainInput *input)
{
    struct DomainLaneEnd *end;

    if (input->descriptors[2] < 0) {
        return input->descriptorsLost ? -EMFILE : -EINVAL;
    }
    if (!DomainIsSealedMemory(input->descriptors[0], CURSORS_SIZE) ||
        !BellIsEnd(input->descriptors[1], false) || !BellIsEnd(input->descriptors[2], true)) {
        return -EINVAL;
    }
    if (thread->laneEndCount >= CONTROL_LANE_ENDS_MAX ||
        !DomainUserCharge(domain, thread->process->user, RESOURCE_LANE_END)) {
        return -ENOMEM;
    }
    end = calloc(1, sizeof(*end));
    if (end == NULL) {
        DomainUserRefund(domain, thread->process->user, RESOURCE_LANE_END);
        return -ENOMEM;
    }
    end->endID = input->message.object.id;
    end->cursors = DomainInputTake(input, 0);
    end->bell =
        (struct Bell){.listen = DomainInputTake(input, 1), .ring = DomainInputTake(input, 2)};
    ListAppend(&thread->laneEnds, &end->link);
    thread->laneEndCount++;
    return 0;
}

void DomainLaneEndFree(struct Domain *domain, struct DomainThread *thread,
                       struct DomainLaneEnd *end)
{
    ListRemove(&end->link);
    thread->laneEndCount--;
    DomainUserRefund(domain, thread->process->user, RESOURCE_LANE_END);
    close(end->cursors);
    BellClose(&end->bell);
    free(end);
}
