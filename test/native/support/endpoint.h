/*
 * Endpoints: devices driven through the face for event loops, all by the test's own thread, which
 * plays the event loop of each in turn. Nothing here blocks longer than ENDPOINT_PATIENCE_MS.
 */
#ifndef LITEIPC_TEST_ENDPOINT_H
#define LITEIPC_TEST_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "liteipc/liteipc.h"
#include "support/actors.h"

#define ENDPOINT_PATIENCE_MS 3000

/* One device with one thread and one task that has a queue. */
struct Endpoint {
    struct LiteIpcDevice *device;
    struct LiteIpcThread *thread;
    struct LiteIpcTask *task;
    uint32_t taskID;
};

/* Attaches, opens and maps `poolSize` bytes (0: the domain's default). */
void EndpointOpen(const char *domain, struct Endpoint *endpoint, size_t poolSize);
/* Another thread and task of the same device, which EndpointClose must not detach. */
void EndpointJoin(const struct Endpoint *first, struct Endpoint *sibling);
void EndpointLeave(struct Endpoint *sibling);
void EndpointClose(struct Endpoint *endpoint);
/* Status of a control request, which must be answered in time. */
int EndpointControl(struct Endpoint *endpoint, const struct LiteIpcControlRequest *request,
                    struct LiteIpcEvent *answer);
/* The endpoint becomes ServiceManager. */
void EndpointManage(struct Endpoint *endpoint);
/* The manager lets `client` call `service`. */
void EndpointGrant(struct Endpoint *manager, const struct Endpoint *client,
                   const struct Endpoint *service);
int EndpointRevoke(struct Endpoint *manager, const struct Endpoint *client,
                   const struct Endpoint *service);

/*
 * The next event, with the whole protocol of an event loop: receive, prepare, poll, collect, awake.
 * False: none came within `timeoutMs`.
 */
bool EndpointNext(struct Endpoint *endpoint, struct LiteIpcEvent *event, int timeoutMs);
/* The next event, which must be of this kind and come in time. */
struct LiteIpcEvent EndpointExpect(struct Endpoint *endpoint, enum LiteIpcEventKind kind);
/* Is nothing to come? Waits 20 ms. */
bool EndpointIsQuiet(struct Endpoint *endpoint);

struct LiteIpcOutgoing EndpointRequest(const struct Endpoint *to, uint32_t code, uint32_t flag);
/*
 * Sends; where a lane has to be made first, waits for it with EndpointExpect. Other events must not
 * come.
 */
int EndpointSend(struct Endpoint *from, const struct LiteIpcOutgoing *out, uint64_t userData,
                 uint32_t *callID);
int EndpointReply(struct Endpoint *from, const IpcMsg *request, const struct LiteIpcOutgoing *out);
/* A one-way message without data. */
int EndpointTell(struct Endpoint *from, const struct Endpoint *to, uint32_t code);
/* The next event is a request of this code; frees it. */
bool EndpointGets(struct Endpoint *endpoint, uint32_t code);
bool EndpointPoolIsEmpty(const struct Endpoint *endpoint);

/* A manager, a client and a service that it may call; as a cmocka fixture. */
struct Trio {
    struct Stage stage;
    struct Endpoint manager, client, service;
};
extern struct Trio trio;
int TrioSetUp(void **state);
int TrioTearDown(void **state);
#define TRIO_TEST(test) cmocka_unit_test_setup_teardown(test, TrioSetUp, TrioTearDown)

#endif
