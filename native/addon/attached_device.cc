#include "addon/attached_device.h"

#include <sys/mman.h>

namespace liteipc
{

int AttachedDevice::Attach(const std::string &domain, size_t poolSize)
{
    int status = LiteIpcDeviceAttach(domain.c_str(), &device);
    if (status == 0) {
        status = LiteIpcThreadCreate(device, &thread);
    }
    if (status == 0) {
        status = LiteIpcTaskCreate(thread, &callTask);
    }
    if (status == 0) {
        status = LiteIpcOpen(callTask);
    }
    if (status == 0) {
        size_t size = poolSize != 0 ? poolSize : LiteIpcPoolDefault(device);
        void *view = nullptr;
        status = LiteIpcMmap(callTask, size, PROT_READ, MAP_PRIVATE, &view);
    }
    if (status != 0) {
        Release();
    }
    return status;
}

void AttachedDevice::Release()
{
    if (thread != nullptr) {
        LiteIpcThreadDestroy(thread);
    }
    if (device != nullptr) {
        LiteIpcDeviceDetach(device);
    }
    *this = AttachedDevice();
}

} // namespace liteipc
