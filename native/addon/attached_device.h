/*
 * What a device holds in the core: an attached process, one thread, one task. It is made and ended
 * on a libuv worker thread, where it may block, and used by its JS thread alone in between.
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
     * Attaches, opens and maps; blocks for some exchanges with the domain. `poolSize` in bytes,
     * 0 = the domain's default. On failure everything made so far has been released.
     */
    int Attach(const std::string &domain, size_t poolSize);
    /* Ends tasks, thread and process; blocks for an exchange. Idempotent. */
    void Release();
};

} // namespace liteipc

#endif
