/*
 * Tests fork(2) without exec(3), as in a program with pthread_atfork(3) handlers. The domain runs
 * in its own process here, so that all LiteIPC resources of the test's process belong to a device.
 *
 * A forked child reports failures with FORKED_CHECK, because cmocka's assertions belong to the
 * parent.
 */
#ifndef LITEIPC_TEST_FORKED_H
#define LITEIPC_TEST_FORKED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "support/actors.h"
#include "support/child.h"

#define FORK_STAGE_DEVICES_MAX 8

/* Holds a domain in another process, and processes of that domain in this one. */
struct ForkStage {
    struct Stage stage;
    struct LiteIpcDevice *devices[FORK_STAGE_DEVICES_MAX];
    unsigned deviceCount;
    struct LiteIpcDomain *own; /* one in this process, or NULL */
    struct Child domain;
    char path[96];
};

/* Entry for the roles of ChildRunIfAsked. */
#define FORK_STAGE_ROLE                                                                            \
    {                                                                                              \
        "domain", ForkStageRole                                                                    \
    }
int ForkStageRole(const char *path, const char *argument);

/* cmocka fixtures; *state is the struct ForkStage. */
int ForkStageSetUp(void **state);
int ForkStageTearDown(void **state);
#define FORK_TEST(test) cmocka_unit_test_setup_teardown(test, ForkStageSetUp, ForkStageTearDown)
/* End the domain's process and start a new one. */
void ForkStageEnd(struct ForkStage *stage);
void ForkStageBegin(struct ForkStage *stage);
/* Creates a process of this domain that has not opened the device. */
struct Actor *ForkStageProcess(struct ForkStage *stage);
/* Creates a process that has opened the device and mapped ACTOR_POOL bytes. */
struct Actor *ForkStageActor(struct ForkStage *stage);
/* Creates such a process that is the ServiceManager. */
struct Actor *ForkStageManager(struct ForkStage *stage);
/* Creates a ready process with a service that `client` (or NULL) may call. */
struct Actor *ForkStageService(struct ForkStage *stage, struct Actor *manager,
                               struct Actor *client);

/*
 * Forks with the handlers of all devices of the stage and of its own domain. The child runs `main`
 * with `parent`, one of these devices, and exits. SIGALRM ends it after TEST_ALARM_S.
 */
typedef void (*ForkedMain)(struct LiteIpcDevice *parent, void *argument);
pid_t ForkedStart(struct ForkStage *stage, struct LiteIpcDevice *parent, ForkedMain main,
                  void *argument);
/* Waits for the child to exit. Returns true if all its checks succeeded. */
bool ForkedEnd(pid_t pid);
/* Runs ForkedStart and ForkedEnd. */
bool ForkedRun(struct ForkStage *stage, struct LiteIpcDevice *parent, ForkedMain main,
               void *argument);

/* For the child. */
void ForkedFail(const char *file, int line, const char *what);
#define FORKED_CHECK(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ForkedFail(__FILE__, __LINE__, #condition);                                            \
        }                                                                                          \
    } while (0)

/* A process as the child sees it, with one thread. */
struct Forked {
    struct LiteIpcDevice *device;
    struct LiteIpcThread *thread;
    struct LiteIpcTask *task;
    uint32_t taskID;
};
/*
 * Calls LiteIpcDeviceForked and creates a thread and a task. Returns the status of
 * LiteIpcDeviceForked.
 */
int ForkedBegin(struct LiteIpcDevice *parent, struct Forked *self);
/* Does the same, opens the device and maps the pool. The child exits if a step fails. */
void ForkedReady(struct LiteIpcDevice *parent, struct Forked *self);
int ForkedMap(struct Forked *self, size_t size);
int ForkedIoctl(struct Forked *self, unsigned cmd, unsigned long arg);
int ForkedMsg(struct Forked *self, uint32_t flag, IpcMsg *out, const void *toFree, IpcMsg **in);
/* Sends a request and returns the code of the answer, or a negative errno. */
int ForkedCall(struct Forked *self, uint32_t handle, uint32_t code);
void ForkedFinish(struct Forked *self);

/* Set of descriptor numbers that were open before LiteIPC was used. */
#define DESCRIPTORS_KNOWN_MAX 1024
struct KnownDescriptors {
    bool open[DESCRIPTORS_KNOWN_MAX];
};
void KnownDescriptorsTake(struct KnownDescriptors *known);
/*
 * Returns true if every open descriptor is known or refers to `allowed` (NULL: none). Prints the
 * first other one.
 */
bool KnownDescriptorsOnly(const struct KnownDescriptors *known, const char *allowed);
/* Returns true if all unknown descriptors are close-on-exec. Prints the first that is not. */
bool OthersCloseOnExec(const struct KnownDescriptors *known);
/* Returns true if the process maps memory of LiteIPC. Prints the mapping. */
bool LiteIpcIsMapped(void);

#endif
