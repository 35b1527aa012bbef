/*
 * Implements a raw client of a domain's control socket for tests of the domain server. It can also
 * send what a correct client never sends. Used by one thread at a time.
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
#include "support/deadline.h"

#define TEST_EVENTS_MAX 64
#define TEST_RING_SIZE  65536U
#define TEST_POOL_SIZE  65536U

/* Holds one message with its descriptors (-1: none). */
struct TestMessage {
    struct ControlMessage message;
    int descriptors[CONTROL_DESCRIPTORS_MAX];
};

/* A control socket. Events that arrive while an answer is awaited are queued in order. */
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

/*
 * Creates and removes a private XDG_RUNTIME_DIR. Removal fails the test if the directory is not
 * empty.
 */
void TestDirectoryMake(char *path, size_t size);
void TestDirectoryRemove(const char *path);

/* Returns options of a small domain of this name with the real kernel paths. */
struct DomainOptions TestDomainOptions(const char *name);
/* Waits until all counters of the domain are 0. Returns false after TEST_DEADLINE_MS. */
bool TestDomainIsEmpty(const struct Domain *domain);
/* Returns the number of open descriptors of this process. */
size_t TestDescriptorCount(void);
/*
 * Returns that number after the domain's thread has closed all descriptors that it no longer needs.
 */
size_t TestDescriptorsSettled(void);
/*
 * Waits until the number of open descriptors is `expected`, because the domain closes its
 * descriptors in its own thread. Returns false after TEST_DEADLINE_MS.
 */
bool TestDescriptorCountIs(size_t expected);

/* Limits this process to `count` more descriptors. Returns the previous limit. */
struct rlimit TestDescriptorRoom(unsigned count);

/* Calls connect(2). Returns a descriptor or a negative errno. */
int TestConnect(const char *path);
#define TEST_SENT_MAX 64 /* descriptors */
/* Sends bytes with up to TEST_SENT_MAX descriptors, unchanged. Returns 0 or a negative errno. */
int TestSend(int descriptor, const void *bytes, size_t size, const int *descriptors, size_t count);
/* Receives a message. Returns 1, 0 at the end of file, -ETIMEDOUT, or another negative errno. */
int TestReceive(int descriptor, struct TestMessage *message, int timeoutMs);
/* Returns true if the server closes the connection in time. Earlier messages are discarded. */
bool TestIsCutOff(int descriptor);

/*
 * Sends a request and waits for its answer, which replaces `message`. Returns the answer's status,
 * or -ENODEV.
 */
int TestCall(struct TestSocket *socket, struct ControlMessage *message, const int *descriptors,
             size_t count, int received[CONTROL_DESCRIPTORS_MAX]);
/* Takes the next event. Returns 1, 0 at the end of file, or -ETIMEDOUT. */
int TestEvent(struct TestSocket *socket, struct TestMessage *event, int timeoutMs);
/* Takes the next event of this type and discards others. Returns false if none arrives in time. */
bool TestEventOf(struct TestSocket *socket, uint32_t type, struct TestMessage *event);
/* Returns true if no event of this type has arrived. Discards the events that have arrived. */
bool TestNoEventOf(struct TestSocket *socket, uint32_t type);
void TestMessageClose(struct TestMessage *message);

/* Sends HELLO: connects and maps the table. Returns the status of the answer. */
int TestClientOpen(const char *path, struct TestClient *client);
void TestClientClose(struct TestClient *client);
int TestThreadOpen(struct TestClient *client, struct TestThread *thread);
void TestThreadClose(struct TestThread *thread);
/* Sends PROCESS_OPEN and PROCESS_MAP. */
int TestProcessReady(struct TestThread *thread);
/* Holds the parts of a normal process: one thread, open device, mapped pool, lane ends, a task. */
struct TestProcess {
    struct TestClient client;
    struct TestThread thread;
    uint32_t taskID, taskGeneration;
    uint32_t nextEndID;
};
void TestProcessOpen(const char *path, struct TestProcess *process, uint32_t laneEnds);
void TestProcessClose(struct TestProcess *process);

/* Sends a request on a thread's socket and returns the status of the answer. */
int TestObject(struct TestThread *thread, uint32_t type, uint32_t id, uint32_t generation);
int TestTaskCreate(struct TestThread *thread, uint32_t *taskID, uint32_t *generation);
int TestSetCms(struct TestThread *thread, uint32_t taskID, uint32_t maxMsgSize);
int TestCmsCommand(struct TestThread *thread, uint32_t caller, uint32_t cmd, uint32_t taskID,
                   uint32_t *handle);
int TestRemoveAccess(struct TestThread *thread, const struct ControlAccess *access);
int TestDeposit(struct TestThread *thread, uint32_t endID);
/* Sends LANE_OPEN with a new ring and closes the lane's descriptors. `laneID` may be NULL. */
int TestLaneOpen(struct TestThread *thread, uint32_t sourceTask, uint32_t taskID, bool isReply,
                 uint32_t *laneID);
/* Sends the same request without waiting for the answer. Returns the request's ID. */
uint32_t TestLaneOpenStart(struct TestThread *thread, uint32_t sourceTask, uint32_t taskID);
/* Takes the answer to such a request from the socket. Returns its status, or -ETIMEDOUT. */
int TestAnswer(struct TestSocket *socket, uint32_t requestID, int timeoutMs,
               struct TestMessage *answer);

/* Creates a memfd of this size with these seals. */
int TestMemory(size_t size, int seals);
#define TEST_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

#endif
