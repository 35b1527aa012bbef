/*
 * Runs actors: LiteIPC tasks that a test directs one step at a time. Several devices are attached
 * in this OS process. Every task has an OS thread of its own, so that a step may block while the
 * test continues.
 *
 * The test's thread directs the actors; actors never assert. A step that takes longer than
 * TEST_DEADLINE_MS ends the program, so that no test hangs.
 *
 * A status is 0, a task ID, or a negative errno, as in the core.
 */
#ifndef LITEIPC_TEST_ACTORS_H
#define LITEIPC_TEST_ACTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "liteipc/liteipc.h"
#include "support/deadline.h"

#define ACTOR_POOL        65536U
#define ACTOR_CMS_MESSAGE 8192U

struct Actor;

/* Holds a domain in a private runtime directory and its actors. cmocka's `*state` points to it. */
struct Stage {
    char directory[64];
    struct LiteIpcDomain *domain;
    struct Actor *actors; /* newest first */
    size_t descriptorsBefore;
};

/*
 * cmocka fixtures; *state is the Stage. StageTearDown ends all actors and asserts that the domain
 * is empty.
 */
int StageSetUp(void **state);     /* profile liteos-a */
int StageSetUpHost(void **state); /* profile host */
int StageTearDown(void **state);
#define STAGE_TEST(test) cmocka_unit_test_setup_teardown(test, StageSetUp, StageTearDown)

/* Opens and closes a stage without cmocka. `domain` may be NULL if the test has stopped it. */
void StageOpen(struct Stage *stage, enum LiteIpcProfile profile);
void StageClose(struct Stage *stage);
/*
 * Waits until the domain contains only this number of processes. Returns false after
 * TEST_DEADLINE_MS.
 */
bool StageSettles(struct Stage *stage, uint32_t processes);

/* Creates a process with one task that has not opened the device. */
struct Actor *ActorProcess(struct Stage *stage);
/* Creates such a process in another domain, which may run in another OS process. */
struct Actor *ActorProcessOf(struct Stage *stage, const char *domain);
/* Creates another task of the same process, with its own thread. */
struct Actor *ActorSibling(struct Actor *actor);
/* Creates a process that has opened the device and mapped ACTOR_POOL bytes. */
struct Actor *ActorReady(struct Stage *stage);
/* Creates a ready process that is the ServiceManager. */
struct Actor *ActorManager(struct Stage *stage);
/* Creates a ready process with a service that has a queue and that `client` may call (or NULL). */
struct Actor *ActorService(struct Actor *manager, struct Actor *client);

struct LiteIpcDevice *ActorDevice(const struct Actor *actor);
/* Only valid while the actor is idle. */
struct LiteIpcThread *ActorThread(const struct Actor *actor);
struct LiteIpcTask *ActorTask(const struct Actor *actor);
/* Does not change after the task has ended. */
uint32_t ActorID(const struct Actor *actor);
uint32_t ActorProcessID(const struct Actor *actor);

/* Runs a step in the actor's thread and waits for its status. */
typedef int (*ActorStep)(struct Actor *actor, void *argument);
int ActorRun(struct Actor *actor, ActorStep step, void *argument);
/* Starts a step and returns at once. ActorJoin returns its status. */
void ActorLaunch(struct Actor *actor, ActorStep step, void *argument);
/* Starts a step and returns after it has ended or sleeps in LiteIpcRead. */
void ActorStart(struct Actor *actor, ActorStep step, void *argument);
int ActorJoin(struct Actor *actor);
/* Returns true if a started step has ended. */
bool ActorIsDone(struct Actor *actor);

/* The device's operations. */
int ActorOpen(struct Actor *actor);
int ActorMap(struct Actor *actor, size_t size, int prot, int flags);
int ActorIoctl(struct Actor *actor, unsigned cmd, unsigned long arg);
int ActorSetCms(struct Actor *actor, unsigned long maxMsgSize);
int ActorCmsCommand(struct Actor *actor, int cmd, uint32_t taskID, uint32_t *handle);
int ActorGrant(struct Actor *manager, const struct Actor *client, const struct Actor *service);
/* Sends LITEIPC_CONTROL_REMOVE_ACCESS as the manager. */
int ActorRevoke(struct Actor *manager, const struct Actor *client, const struct Actor *service);

/*
 * Calls IPC_SEND_RECV_MSG with a combination of flags. If `in` is NULL, a received message is freed
 * at once.
 */
int ActorMsg(struct Actor *actor, uint32_t flag, const IpcMsg *out, const void *toFree,
             IpcMsg **in);
void ActorMsgStart(struct Actor *actor, uint32_t flag, const IpcMsg *out, const void *toFree);
/* Joins ActorMsgStart. */
int ActorMsgEnd(struct Actor *actor, IpcMsg **in);
int ActorSend(struct Actor *actor, const IpcMsg *out);
int ActorReceive(struct Actor *actor, IpcMsg **in);
int ActorFree(struct Actor *actor, const void *message);
/* Answers `request` with a message of this type and code. The answer frees the request. */
int ActorReply(struct Actor *actor, MsgType type, const IpcMsg *request, uint32_t code);

/* Return messages without data. ActorReplyTo fills in the fields that a reply requires. */
IpcMsg ActorRequest(uint32_t handle, uint32_t code);
IpcMsg ActorOneway(uint32_t handle, uint32_t code);
IpcMsg ActorReplyTo(MsgType type, const IpcMsg *request, uint32_t code);

/*
 * Returns true if the message has this type and code and was sent by this actor (NULL: not
 * checked).
 */
bool ActorIsMessage(const IpcMsg *msg, MsgType type, uint32_t code, const struct Actor *from);
/* Waits until the pool of the actor's process is empty. Returns false after TEST_DEADLINE_MS. */
bool ActorPoolIsEmpty(const struct Actor *actor);

/* Ends the task. The actor accepts no more steps. */
void ActorExitTask(struct Actor *actor);
/* Ends the process with all its tasks. Steps that are blocked in them return -ERFKILL. */
void ActorExitProcess(struct Actor *actor);
/* Detaches the process: joins all its actors and frees them. */
void ActorDetach(struct Actor *actor);

#endif
