#include "kernel/object.h"

#include <errno.h>

int HandleSpecialObjects(struct LiteIpcTask *task, const IpcMsg *msg)
{
    (void)task;
    return msg->spObjNum == 0 ? 0 : -EINVAL;
}
