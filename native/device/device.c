/* Implements the device: becoming a process of a domain, and ending it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "control/client.h"
#include "device/process.h"
#include "device/trace.h"
#include "kernel/control_blocks.h"
#include "kernel/inbound_lanes.h"
#include "kernel/nudge.h"
#include "kernel/outbound.h"
#include "liteipc/liteipc.h"
#include "platform/shared_memory.h"

int ProcessControlCall(struct LiteIpcDevice *device, struct ControlMessage *message,
                       int *descriptor)
{
    int descriptors[CONTROL_DESCRIPTORS_MAX];
    unsigned count = 0;
    (void)pthread_mutex_lock(&device->lock);
    if (++device->nextRequestID == 0) {
        device->nextRequestID = 1;
    }
    uint32_t requestID = device->nextRequestID;
    message->requestID = requestID;
    int status = ControlSend(device->processSocket, message, NULL, 0);
    if (status == 0) {
        int received = ControlReceive(&device->owned, device->processSocket, message, descriptors,
                                      &count, CONTROL_ANSWER_TIMEOUT_MS);
        status = received == 1 && message->requestID == requestID ? message->status : -ENODEV;
    }
    (void)pthread_mutex_unlock(&device->lock);
    unsigned wanted = descriptor != NULL && status == 0 ? 1 : 0;
    if (count < wanted) {
        status = -EPROTO;
    } else if (wanted == 1) {
        *descriptor = descriptors[0];
    }
    for (unsigned i = count < wanted ? 0 : wanted; i < count; i++) {
        OwnedClose(&device->owned, descriptors[i]);
    }
    return status;
}

static int Greet(struct LiteIpcDevice *device)
{
    struct ControlMessage message = {.type = CONTROL_HELLO,
                                     .protocolVersion = CONTROL_PROTOCOL_VERSION};
    int tableDescriptor = -1;
    int status = ProcessControlCall(device, &message, &tableDescriptor);
    if (status != 0) {
        return status;
    }
    device->identity = message.identity;
    const void *table = NULL;
    OwnedEnter(&device->owned);
    status = SharedMemoryMap(tableDescriptor, device->identity.tableSize, &table);
    OwnedLeave(&device->owned);
    OwnedClose(&device->owned, tableDescriptor);
    if (status != 0) {
        return status;
    }
    device->table = table;
    device->epoch = device->table->epoch;
    return ControlTableCheck(device->table, device->identity.tableSize);
}

static void DeviceFree(struct LiteIpcDevice *device)
{
    OutboundIdleFree(device);
    InboundOrphansFree(device);
    (void)LiteIpcPoolDelete(&device->ipcInfo);
    SharedMemoryUnmap(device->table, device->identity.tableSize);
    OwnedClose(&device->owned, device->processSocket);
    OwnedDestroy(&device->owned);
    DeviceTraceFree(device);
    (void)pthread_mutex_destroy(&device->lock);
    (void)pthread_mutex_destroy(&device->setupLock);
    free(device);
}

static int Connect(struct LiteIpcDevice *device)
{
    int status = ControlConnect(device->address, &device->processSocket);
    if (status == 0) {
        OwnedEnter(&device->owned);
        OwnedAdd(&device->owned, &device->processSocket, 1);
        OwnedLeave(&device->owned);
        status = Greet(device);
    }
    return status;
}

int DeviceAttach(const char *address, struct LiteIpcDevice **device)
{
    struct LiteIpcDevice *created = calloc(1, sizeof(*created));
    if (created == NULL) {
        return -ENOMEM;
    }
    int status = OwnedInit(&created->owned);
    if (status != 0) {
        free(created);
        return status;
    }
    created->processSocket = -1;
    (void)snprintf(created->address, sizeof(created->address), "%s", address);
    (void)pthread_mutex_init(&created->lock, NULL);
    (void)pthread_mutex_init(&created->setupLock, NULL);
    DeviceTraceInit(created);
    LOS_ListInit(&created->threads);
    LOS_ListInit(&created->idleLanes);
    LOS_ListInit(&created->orphans);
    status = Connect(created);
    if (status != 0) {
        DeviceFree(created);
        return status;
    }
    *device = created;
    return 0;
}

int LiteIpcDeviceAttach(const char *domain, struct LiteIpcDevice **device)
{
    char address[RUNTIME_PATH_SIZE];
    if (domain == NULL || device == NULL) {
        return -EINVAL;
    }
    int status = RuntimeSocketPath(domain, false, address, sizeof(address));
    if (status != 0) {
        return status == -ENOENT ? -ENODEV : status;
    }
    return DeviceAttach(address, device);
}

void LiteIpcDeviceShutdown(struct LiteIpcDevice *device)
{
    bool already = false;
    /*
     * acq_rel: one caller continues; pairs with the load in LiteIpcDeviceAlive and in lost threads
     */
    if (!atomic_compare_exchange_strong_explicit(&device->shutdown, &already, true,
                                                 memory_order_acq_rel, memory_order_acquire)) {
        return;
    }
    struct ControlMessage message = {.type = CONTROL_PROCESS_EXIT};
    (void)ProcessControlCall(device, &message, NULL);
    (void)shutdown(device->processSocket, SHUT_RDWR);
    DeviceNudgeAll(device);
}

void LiteIpcDeviceDetach(struct LiteIpcDevice *device)
{
    if (device != NULL) {
        LiteIpcDeviceShutdown(device);
        DeviceFree(device);
    }
}

uint32_t LiteIpcDeviceProcessID(const struct LiteIpcDevice *device)
{
    return device->identity.processID;
}

bool LiteIpcDeviceAlive(const struct LiteIpcDevice *device)
{
    char byte;
    /* acquire: pairs with the store in LiteIpcDeviceShutdown */
    if (atomic_load_explicit(&device->shutdown, memory_order_acquire)) {
        return false;
    }
    /*
     * The domain sends only answers on this socket: without a request, recv can only see its end.
     */
    ssize_t seen = recv(device->processSocket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return seen > 0 || (seen < 0 && errno == EAGAIN);
}
