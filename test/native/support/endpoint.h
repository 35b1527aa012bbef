/*
 * Drives devices through the event-loop API. The test's thread runs the event loop of each endpoint
 * in turn. No function blocks longer than TEST_DEADLINE_MS.
 */
#ifndef LITEIPC_TEST_ENDPOINT_H
#define LITEIPC_TEST_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "liteipc/liteipc.h"
#include "support/actors.h"

/* A device with one thread and one task that has a queue. */
struct Endpoint {
    struct LiteIpcDevice *device;
    struct LiteIpcThread *thread;
    struct LiteIpcTask *task;
    uint32_t taskID;
};

/* Attaches, opens the device and maps `poolSize` bytes (0: the domain's default). */
void EndpointOpen(const char *domain, struct Endpoint *endpoint, size_t poolSize);
/* Adds another thread and task of the same device. EndpointClose must not detach them. */
void EndpointJoin(const struct Endpoint *first, struct Endpoint *sibling);
void EndpointLeave(struct Endpoint *sibling);
void EndpointClose(struct Endpoint *endpoint);
/* Returns the status of a control request, which must be answered in time. */
int EndpointControl(struct Endpoint *endpoint, const struct LiteIpcControlRequest *request,
                    struct LiteIpcEvent *answer);
/* Makes the endpoint the ServiceManager. */
void EndpointManage(struct Endpoint *endpoint);
/* Lets `client` call `service`, by a request of the manager. */
void EndpointGrant(struct Endpoint *manager, const struct Endpoint *client,
                   const struct Endpoint *service);
int EndpointRevoke(struct Endpoint *manager, const struct Endpoint *client,
                   const struct Endpoint *service);

/*
 * Takes the next event with the complete protocol of an event loop: receive, prepare, poll,
 * collect, awake. Returns false if none arrives within `timeoutMs`.
 */
bool EndpointNext(struct Endpoint *endpoint, struct LiteIpcEvent *event, int timeoutMs);
/* Returns the next event, which must have this kind and arrive in time. */
struct LiteIpcEvent EndpointExpect(struct Endpoint *endpoint, enum LiteIpcEventKind kind);
/* Returns true if no event arrives within 20 ms. */
bool EndpointIsQuiet(struct Endpoint *endpoint);

struct LiteIpcOutgoing EndpointRequest(const struct Endpoint *to, uint32_t code, uint32_t flag);
/*
 * Sends a message. If its lane must be created first, waits for it with EndpointExpect. Other
 * events must not arrive.
 */
int EndpointSend(struct Endpoint *from, const struct LiteIpcOutgoing *out, uint64_t userData,
                 uint32_t *callID);
int EndpointReply(struct Endpoint *from, const IpcMsg *request, const struct LiteIpcOutgoing *out);
/* Sends a one-way message without data. */
int EndpointSendOneWay(struct Endpoint *from, const struct Endpoint *to, uint32_t code);
/* Returns true if the next event is a request with this code, and frees the request. */
bool EndpointGets(struct Endpoint *endpoint, uint32_t code);
bool EndpointPoolIsEmpty(const struct Endpoint *endpoint);

/* A manager, a client, and a service that the client may call; as a cmocka fixture. */
struct Trio {
    struct Stage stage;
    struct Endpoint manager, client, service;
};
extern struct Trio trio;
int TrioSetUp(void **state);
int TrioTearDown(void **state);
#define TRIO_TEST(test) cmocka_unit_test_setup_teardown(test, TrioSetUp, TrioTearDown)

#endif
