/*
 * A client of a domain's control socket that is as raw as the protocol: for tests of the domain
 * server, which must also be able to send what no honest client sends. Used by one thread at a
 * time.
 */
#ifndef LITEIPC_TEST_CONTROL_CLIENT_H
#define LITEIPC_TEST_CONTROL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "control/message.h"
#include "control/table.h"
#include "domain/server.h"
#include "platform/bell.h"

#define TEST_EVENTS_MAX 64
#define TEST_RING_SIZE  65536U
#define TEST_POOL_SIZE  65536U

/* One message with its descriptors (-1: none). */
struct TestMessage {
    struct ControlMessage message;
    int descriptors[CONTROL_DESCRIPTORS_MAX];
};

/* A control socket; events that came while an answer was awaited are kept in order. */
struct TestSocket {
    int descriptor;
    struct TestMessage events[TEST_EVENTS_MAX];
    uint32_t eventCount;
};

struct TestClient {
    struct TestSocket socket;
    struct ControlIdentity identity;
    const struct ControlTable *table;
    int tableDescriptor;
};

struct TestThread {
    struct TestSocket socket;
    uint32_t id, generation;
};

/* A private XDG_RUNTIME_DIR. Remove fails the test if anything is left in it. */
void TestDirectoryMake(char *path, size_t size);
void TestDirectoryRemove(const char *path);

/* Options of a small domain of this name with the real kernel paths. */
struct DomainOptions TestDomainOptions(const char *name);
/* Waits (at most 5 s) until the domain's counters are all 0. False: they are not. */
bool TestDomainIsEmpty(const struct Domain *domain);
/* Open descriptors of this process. */
size_t TestDescriptorCount(void);
/* The same when the domain, in its thread, has nothing more to do with its own. */
size_t TestDescriptorsSettled(void);
/*
 * Waits (at most 5 s) until there are as many as that again: the domain closes its own in its
 * thread.
 */
bool TestDescriptorCountIs(size_t expected);

/*
 * From now on this process can have so many more descriptors. Returns the limit, to be set again.
 */
struct rlimit TestDescriptorRoom(unsigned count);

/* connect(2): a descriptor or a negative errno. */
int TestConnect(const char *path);
#define TEST_SENT_MAX 64 /* descriptors */
/* Sends bytes with descriptors (up to TEST_SENT_MAX) as they are. 0 or a negative errno. */
int TestSend(int descriptor, const void *bytes, size_t size, const int *descriptors, size_t count);
/* 1: a message; 0: end of file; -ETIMEDOUT; or a negative errno. */
int TestReceive(int descriptor, struct TestMessage *message, int timeoutMs);
/* Is the connection cut off within 5 s (messages before that are thrown away)? */
bool TestIsCutOff(int descriptor);

/*
 * Sends a request and waits for its answer, which replaces `message`; returns its status, or
 * -ENODEV.
 */
int TestCall(struct TestSocket *socket, struct ControlMessage *message, const int *descriptors,
             size_t count, int received[CONTROL_DESCRIPTORS_MAX]);
/* The next event: 1; 0 end of file; -ETIMEDOUT. */
int TestEvent(struct TestSocket *socket, struct TestMessage *event, int timeoutMs);
/* The next event of this type; others are thrown away. False: none within 2 s. */
bool TestEventOf(struct TestSocket *socket, uint32_t type, struct TestMessage *event);
/* Is there no event of this type among those that have come? They are thrown away. */
bool TestNoEventOf(struct TestSocket *socket, uint32_t type);
void TestMessageClose(struct TestMessage *message);

/* HELLO: connects and maps the table. Status as answered. */
int TestClientOpen(const char *path, struct TestClient *client);
void TestClientClose(struct TestClient *client);
int TestThreadOpen(struct TestClient *client, struct TestThread *thread);
void TestThreadClose(struct TestThread *thread);
/* PROCESS_OPEN and PROCESS_MAP. */
int TestProcessReady(struct TestThread *thread);
/* Everything an ordinary process has: one thread, device open, pool mapped, lane ends, a task. */
struct TestProcess {
    struct TestClient client;
    struct TestThread thread;
    uint32_t taskID, taskGeneration;
    uint32_t nextEndID;
};
void TestProcessOpen(const char *path, struct TestProcess *process, uint32_t laneEnds);
void TestProcessClose(struct TestProcess *process);

/* Requests on a thread's socket; status as answered. */
int TestObject(struct TestThread *thread, uint32_t type, uint32_t id, uint32_t generation);
int TestTaskCreate(struct TestThread *thread, uint32_t *taskID, uint32_t *generation);
int TestSetCms(struct TestThread *thread, uint32_t taskID, uint32_t maxMsgSize);
int TestCmsCommand(struct TestThread *thread, uint32_t caller, uint32_t cmd, uint32_t taskID,
                   uint32_t *handle);
int TestRemoveAccess(struct TestThread *thread, const struct ControlAccess *access);
int TestDeposit(struct TestThread *thread, uint32_t endID);
/* LANE_OPEN with a fresh ring. The lane's descriptors are closed; *laneID may be NULL. */
int TestLaneOpen(struct TestThread *thread, uint32_t sourceTask, uint32_t taskID, bool isReply,
                 uint32_t *laneID);
/* The same without waiting for the answer, whose requestID is returned. */
uint32_t TestLaneOpenStart(struct TestThread *thread, uint32_t sourceTask, uint32_t taskID);
/* Takes the answer to such a request from the socket. Status, or -ETIMEDOUT. */
int TestAnswer(struct TestSocket *socket, uint32_t requestID, int timeoutMs,
               struct TestMessage *answer);

/* A memfd of this size with these seals. */
int TestMemory(size_t size, int seals);
#define TEST_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

#endif
