/*
 * Holds what a device has in the core: an attached process, one thread, one task. It is made and
 * ended on a libuv worker thread, where it may block. In between only its JS thread uses it.
 */
#ifndef LITEIPC_ADDON_ATTACHED_DEVICE_H
#define LITEIPC_ADDON_ATTACHED_DEVICE_H

#include <string>

#include "liteipc/liteipc.h"

namespace liteipc
{

struct AttachedDevice {
    LiteIpcDevice *device = nullptr;
    LiteIpcThread *thread = nullptr;
    LiteIpcTask *callTask = nullptr;

    /*
     * Attaches, opens and maps. Blocks for some exchanges with the domain. `poolSize` in bytes, 0 =
     * the domain's default. On failure everything made so far has been released.
     */
    int Attach(const std::string &domain, size_t poolSize);
    /* Ends tasks, thread and process. Blocks for one exchange. Idempotent. */
    void Release();
};

} // namespace liteipc

#endif
