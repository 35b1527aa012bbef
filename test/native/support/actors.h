/*
 * Actors: LiteIPC tasks that a test directs one step at a time. Several devices live in this OS
 * process; every task has an OS thread of its own, so that a step may block while the test goes on.
 *
 * The test's own thread directs; actors never assert. A step that takes longer than
 * ACTOR_PATIENCE_MS ends the whole program, so that no test hangs.
 *
 * Status as in the core: 0, a task ID, or a negative errno.
 */
#ifndef LITEIPC_TEST_ACTORS_H
#define LITEIPC_TEST_ACTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "liteipc/liteipc.h"

#define ACTOR_PATIENCE_MS 8000
#define ACTOR_POOL        65536U
#define ACTOR_CMS_MESSAGE 8192U

struct Actor;

/*
 * A domain in a private runtime directory, and the actors in it. Also kept in `*state` of cmocka.
 */
struct Stage {
    char directory[64];
    struct LiteIpcDomain *domain;
    struct Actor *actors; /* the newest first */
    size_t descriptorsBefore;
};

/*
 * For cmocka: *state is the Stage. StageTearDown ends all actors and asserts that nothing is left.
 */
int StageSetUp(void **state);     /* profile liteos-a */
int StageSetUpHost(void **state); /* profile host */
int StageTearDown(void **state);
#define STAGE_TEST(test) cmocka_unit_test_setup_teardown(test, StageSetUp, StageTearDown)

/* The same without cmocka. The domain may be gone already (NULL). */
void StageOpen(struct Stage *stage, enum LiteIpcProfile profile);
void StageClose(struct Stage *stage);
/* Waits up to 2 s until the domain holds nothing but so many processes. */
bool StageSettles(struct Stage *stage, uint32_t processes);

/* A new process with one task, not opened yet. */
struct Actor *ActorProcess(struct Stage *stage);
/* The same in another domain, which need not be this OS process's. */
struct Actor *ActorProcessOf(struct Stage *stage, const char *domain);
/* Another task of the same process, with a thread of its own. */
struct Actor *ActorSibling(struct Actor *actor);
/* A process that has opened the device and mapped ACTOR_POOL bytes. */
struct Actor *ActorReady(struct Stage *stage);
/* The same, and it is the ServiceManager. */
struct Actor *ActorManager(struct Stage *stage);
/* A ready process with a service that has a queue and whose caller `client` may be (or NULL). */
struct Actor *ActorService(struct Actor *manager, struct Actor *client);

struct LiteIpcDevice *ActorDevice(const struct Actor *actor);
/* Only while the actor is idle. */
struct LiteIpcThread *ActorThread(const struct Actor *actor);
struct LiteIpcTask *ActorTask(const struct Actor *actor);
/* Stays what it was when the task has ended. */
uint32_t ActorID(const struct Actor *actor);
uint32_t ActorProcessID(const struct Actor *actor);

/* Runs a step in the actor's thread and waits for it. */
typedef int (*ActorStep)(struct Actor *actor, void *argument);
int ActorRun(struct Actor *actor, ActorStep step, void *argument);
/* Has a step run beside the test; ActorJoin takes its status. */
void ActorLaunch(struct Actor *actor, ActorStep step, void *argument);
/* The same, but returns only once it is over or sleeps in LiteIpcRead. */
void ActorStart(struct Actor *actor, ActorStep step, void *argument);
int ActorJoin(struct Actor *actor);
/* Is a started step over? */
bool ActorIsDone(struct Actor *actor);

/* The device's operations. */
int ActorOpen(struct Actor *actor);
int ActorMap(struct Actor *actor, size_t size, int prot, int flags);
int ActorIoctl(struct Actor *actor, unsigned cmd, unsigned long arg);
int ActorSetCms(struct Actor *actor, unsigned long maxMsgSize);
int ActorCmsCommand(struct Actor *actor, int cmd, uint32_t taskID, uint32_t *handle);
int ActorGrant(struct Actor *manager, const struct Actor *client, const struct Actor *service);
/* LITEIPC_CONTROL_REMOVE_ACCESS by the manager. */
int ActorRevoke(struct Actor *manager, const struct Actor *client, const struct Actor *service);

/*
 * IPC_SEND_RECV_MSG in its combinations. `in` may be NULL: then a message received is freed at
 * once.
 */
int ActorMsg(struct Actor *actor, uint32_t flag, const IpcMsg *out, const void *toFree,
             IpcMsg **in);
void ActorMsgStart(struct Actor *actor, uint32_t flag, const IpcMsg *out, const void *toFree);
/* Joins ActorMsgStart. */
int ActorMsgEnd(struct Actor *actor, IpcMsg **in);
int ActorSend(struct Actor *actor, const IpcMsg *out);
int ActorReceive(struct Actor *actor, IpcMsg **in);
int ActorFree(struct Actor *actor, const void *message);
/* Answers `request` with a message of this type and code, freeing it. */
int ActorReply(struct Actor *actor, MsgType type, const IpcMsg *request, uint32_t code);

/* Messages without data. ActorReplyTo fills in what a reply must have. */
IpcMsg ActorRequest(uint32_t handle, uint32_t code);
IpcMsg ActorOneway(uint32_t handle, uint32_t code);
IpcMsg ActorReplyTo(MsgType type, const IpcMsg *request, uint32_t code);

/* Is it a message of this type and code from this actor (NULL: not checked)? */
bool ActorIsMessage(const IpcMsg *msg, MsgType type, uint32_t code, const struct Actor *from);
/* Are there no messages in the actor's process? Waits up to 1 s: others may be dropping some. */
bool ActorPoolIsEmpty(const struct Actor *actor);

/* The task ends; the actor can do nothing any more. */
void ActorExitTask(struct Actor *actor);
/* The process ends, with all its tasks. Steps that block in it end with -ERFKILL. */
void ActorExitProcess(struct Actor *actor);
/* Detaches the process: joins all its actors and frees everything. The actors are gone. */
void ActorDetach(struct Actor *actor);

void SleepMs(unsigned ms);
uint64_t NowMs(void);

#endif
