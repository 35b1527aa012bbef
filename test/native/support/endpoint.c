#include "support/endpoint.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>

#include <cmocka.h>

void EndpointJoin(const struct Endpoint *first, struct Endpoint *sibling)
{
    struct LiteIpcControlRequest create = {.operation = LITEIPC_CONTROL_TASK_CREATE};
    struct LiteIpcEvent event = {0};
    *sibling = (struct Endpoint){.device = first->device};
    assert_int_equal(LiteIpcThreadCreate(sibling->device, &sibling->thread), 0);
    assert_int_equal(EndpointControl(sibling, &create, &event), 0);
    sibling->task = event.task;
    sibling->taskID = event.value0;
    assert_int_equal(LiteIpcTaskID(sibling->task), sibling->taskID);
}

void EndpointOpen(const char *domain, struct Endpoint *endpoint, size_t poolSize)
{
    void *address;
    struct Endpoint first = {0};
    assert_int_equal(LiteIpcDeviceAttach(domain, &first.device), 0);
    EndpointJoin(&first, endpoint);
    assert_int_equal(LiteIpcOpen(endpoint->task), 0);
    assert_int_equal(LiteIpcMmap(endpoint->task,
                                 poolSize != 0 ? poolSize : LiteIpcPoolDefault(endpoint->device),
                                 PROT_READ, MAP_PRIVATE, &address),
                     0);
}

void EndpointLeave(struct Endpoint *sibling)
{
    LiteIpcThreadDestroy(sibling->thread);
    *sibling = (struct Endpoint){0};
}

void EndpointClose(struct Endpoint *endpoint)
{
    struct LiteIpcDevice *device = endpoint->device;
    if (device != NULL) {
        LiteIpcThreadDestroy(endpoint->thread);
        LiteIpcDeviceDetach(device);
    }
    *endpoint = (struct Endpoint){0};
}

int EndpointControl(struct Endpoint *endpoint, const struct LiteIpcControlRequest *request,
                    struct LiteIpcEvent *answer)
{
    static uint64_t userData;
    int status = LiteIpcControlStart(endpoint->thread, request, ++userData);
    if (status != 0) {
        return status;
    }
    *answer = EndpointExpect(endpoint, LITEIPC_EVENT_CONTROL);
    assert_int_equal(answer->userData, userData);
    return answer->status;
}

void EndpointManage(struct Endpoint *endpoint)
{
    struct LiteIpcControlRequest request = {
        .operation = LITEIPC_CONTROL_SET_CMS, .task = endpoint->task, .value0 = 65536};
    struct LiteIpcEvent event;
    assert_int_equal(EndpointControl(endpoint, &request, &event), 0);
}

void EndpointGrant(struct Endpoint *manager, const struct Endpoint *client,
                   const struct Endpoint *service)
{
    struct LiteIpcControlRequest request = {.operation = LITEIPC_CONTROL_ADD_ACCESS,
                                            .task = manager->task,
                                            .value0 = client->taskID,
                                            .value1 = service->taskID};
    struct LiteIpcEvent event;
    assert_int_equal(EndpointControl(manager, &request, &event), 0);
}

int EndpointRevoke(struct Endpoint *manager, const struct Endpoint *client,
                   const struct Endpoint *service)
{
    struct LiteIpcControlRequest request = {.operation = LITEIPC_CONTROL_REMOVE_ACCESS,
                                            .task = manager->task,
                                            .value0 = LiteIpcDeviceProcessID(client->device),
                                            .value1 = service->taskID};
    struct LiteIpcEvent event;
    return EndpointControl(manager, &request, &event);
}

bool EndpointNext(struct Endpoint *endpoint, struct LiteIpcEvent *event, int timeoutMs)
{
    uint64_t end = NowMs() + (uint64_t)timeoutMs;
    for (;;) {
        int count = LiteIpcReceive(endpoint->thread, event, 1);
        if (count != 0) {
            return count == 1;
        }
        if (LiteIpcPrepareSleep(endpoint->thread) == 1) {
            continue;
        }
        uint64_t now = NowMs();
        struct pollfd wait = {.fd = LiteIpcThreadDescriptor(endpoint->thread), .events = POLLIN};
        int ready = now >= end ? 0 : poll(&wait, 1, (int)(end - now));
        LiteIpcAwake(endpoint->thread);
        if (ready == 0) {
            return false;
        }
        LiteIpcCollect(endpoint->thread);
    }
}

static const char *const KINDS[] = {"MESSAGE", "CALL", "CONTROL", "LANE", "LOST"};

struct LiteIpcEvent EndpointExpect(struct Endpoint *endpoint, enum LiteIpcEventKind kind)
{
    struct LiteIpcEvent event = {0};
    bool came = EndpointNext(endpoint, &event, TEST_DEADLINE_MS);
    if (!came || event.kind != kind) {
        print_error("task %u expects %s: %s\n", endpoint->taskID, KINDS[kind],
                    came ? KINDS[event.kind] : "nothing");
    }
    assert_true(came);
    assert_int_equal(event.kind, kind);
    return event;
}

bool EndpointIsQuiet(struct Endpoint *endpoint)
{
    struct LiteIpcEvent event;
    bool came = EndpointNext(endpoint, &event, 20);
    if (came) {
        print_error("task %u got %s, status %d\n", endpoint->taskID, KINDS[event.kind],
                    event.status);
    }
    return !came;
}

struct LiteIpcOutgoing EndpointRequest(const struct Endpoint *to, uint32_t code, uint32_t flag)
{
    return (struct LiteIpcOutgoing){.handle = to->taskID, .code = code, .flag = flag};
}

int EndpointSend(struct Endpoint *from, const struct LiteIpcOutgoing *out, uint64_t userData,
                 uint32_t *callID)
{
    int status;
    while ((status = LiteIpcSendRequest(from->task, out, userData, callID)) == -EINPROGRESS) {
        struct LiteIpcEvent event = EndpointExpect(from, LITEIPC_EVENT_LANE);
        if (event.status != 0) {
            return event.status;
        }
    }
    return status;
}

int EndpointReply(struct Endpoint *from, const IpcMsg *request, const struct LiteIpcOutgoing *out)
{
    int status;
    while ((status = LiteIpcSendReply(from->task, request, out)) == -EINPROGRESS) {
        struct LiteIpcEvent event = EndpointExpect(from, LITEIPC_EVENT_LANE);
        if (event.status != 0) {
            return event.status;
        }
    }
    return status;
}

int EndpointSendOneWay(struct Endpoint *from, const struct Endpoint *to, uint32_t code)
{
    struct LiteIpcOutgoing out = EndpointRequest(to, code, LITEIPC_FLAG_ONEWAY);
    return EndpointSend(from, &out, 0, NULL);
}

bool EndpointGets(struct Endpoint *endpoint, uint32_t code)
{
    struct LiteIpcEvent event = EndpointExpect(endpoint, LITEIPC_EVENT_MESSAGE);
    bool as = event.message->type == MT_REQUEST && event.message->code == code;
    if (!as) {
        print_error("code %u, expected %u\n", event.message->code, code);
    }
    assert_int_equal(LiteIpcFree(endpoint->thread, event.message), 0);
    return as;
}

bool EndpointPoolIsEmpty(const struct Endpoint *endpoint)
{
    size_t nodes;
    size_t bytes;
    LiteIpcPoolCount(endpoint->device, &nodes, &bytes);
    return nodes == 0 && bytes == 0;
}

struct Trio trio;

int TrioSetUp(void **state)
{
    (void)state;
    trio = (struct Trio){0};
    StageOpen(&trio.stage, LITEIPC_PROFILE_HOST);
    const char *path = LiteIpcDomainPath(trio.stage.domain);
    EndpointOpen(path, &trio.manager, 0);
    EndpointOpen(path, &trio.client, 0);
    EndpointOpen(path, &trio.service, 0);
    EndpointManage(&trio.manager);
    EndpointGrant(&trio.manager, &trio.client, &trio.service);
    return 0;
}

int TrioTearDown(void **state)
{
    (void)state;
    EndpointClose(&trio.client);
    EndpointClose(&trio.service);
    EndpointClose(&trio.manager);
    StageClose(&trio.stage);
    return 0;
}
