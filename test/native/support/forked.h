/*
 * fork(2) without exec(3), as a program with pthread_atfork(3) handlers does it. The domain is a
 * process of its own here, so that everything of LiteIPC in the test's process belongs to a device.
 *
 * What a forked child finds wrong it reports with FORKED_CHECK: cmocka's assertions are the
 * parent's.
 */
#ifndef LITEIPC_TEST_FORKED_H
#define LITEIPC_TEST_FORKED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "support/actors.h"
#include "support/child.h"

#define FORK_STAGE_DEVICES_MAX 8

/* A domain in another process, and processes of it in this one. */
struct ForkStage {
    struct Stage stage;
    struct LiteIpcDevice *devices[FORK_STAGE_DEVICES_MAX];
    unsigned deviceCount;
    struct LiteIpcDomain *own; /* one in this process, or NULL */
    struct Child domain;
    char path[96];
};

/* To be put among the roles of ChildRunIfAsked. */
#define FORK_STAGE_ROLE                                                                            \
    {                                                                                              \
        "domain", ForkStageRole                                                                    \
    }
int ForkStageRole(const char *path, const char *argument);

/* For cmocka: *state is the struct ForkStage. */
int ForkStageSetUp(void **state);
int ForkStageTearDown(void **state);
#define FORK_TEST(test) cmocka_unit_test_setup_teardown(test, ForkStageSetUp, ForkStageTearDown)
/* Ends the domain's process; starts another. */
void ForkStageEnd(struct ForkStage *stage);
void ForkStageBegin(struct ForkStage *stage);
/* A process of this domain, not opened yet. */
struct Actor *ForkStageProcess(struct ForkStage *stage);
/* One that has opened the device and mapped ACTOR_POOL bytes. */
struct Actor *ForkStageActor(struct ForkStage *stage);
/* The same, and it is the ServiceManager. */
struct Actor *ForkStageManager(struct ForkStage *stage);
/* A ready process with a service that `client` (or NULL) may call. */
struct Actor *ForkStageService(struct ForkStage *stage, struct Actor *manager,
                               struct Actor *client);

/*
 * Forks with the handlers of all devices of the stage and of its own domain; the child does `main`
 * with `parent`, one of them, and ends. It dies by SIGALRM after 20 s.
 */
typedef void (*ForkedMain)(struct LiteIpcDevice *parent, void *argument);
pid_t ForkedStart(struct ForkStage *stage, struct LiteIpcDevice *parent, ForkedMain main,
                  void *argument);
/* Waits for its end. Was everything as it should be in there? */
bool ForkedEnd(pid_t pid);
/* Both. */
bool ForkedRun(struct ForkStage *stage, struct LiteIpcDevice *parent, ForkedMain main,
               void *argument);

/* In the child. */
void ForkedFail(const char *file, int line, const char *what);
#define FORKED_CHECK(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ForkedFail(__FILE__, __LINE__, #condition);                                            \
        }                                                                                          \
    } while (0)

/* A process as a child sees it: no threads but the one that there is. */
struct Forked {
    struct LiteIpcDevice *device;
    struct LiteIpcThread *thread;
    struct LiteIpcTask *task;
    uint32_t taskID;
};
/* LiteIpcDeviceForked, with a thread and a task. Status of LiteIpcDeviceForked. */
int ForkedBegin(struct LiteIpcDevice *parent, struct Forked *self);
/* The same, and open and mapped. The child ends if anything fails. */
void ForkedReady(struct LiteIpcDevice *parent, struct Forked *self);
int ForkedMap(struct Forked *self, size_t size);
int ForkedIoctl(struct Forked *self, unsigned cmd, unsigned long arg);
int ForkedMsg(struct Forked *self, uint32_t flag, IpcMsg *out, const void *toFree, IpcMsg **in);
/* Sends a request and waits for the answer's code; or a negative errno. */
int ForkedCall(struct Forked *self, uint32_t handle, uint32_t code);
void ForkedFinish(struct Forked *self);

/* Descriptors by number, from before LiteIPC was there. */
#define DESCRIPTORS_KNOWN_MAX 1024
struct KnownDescriptors {
    bool open[DESCRIPTORS_KNOWN_MAX];
};
void KnownDescriptorsTake(struct KnownDescriptors *known);
/*
 * Has the process descriptors that are neither known nor lead to `allowed` (NULL: nowhere)? Says
 * which.
 */
bool KnownDescriptorsOnly(const struct KnownDescriptors *known, const char *allowed);
/* Are all that are not known close-on-exec? Says which is not. */
bool OthersCloseOnExec(const struct KnownDescriptors *known);
/* Does the process map memory of LiteIPC? Says which. */
bool LiteIpcIsMapped(void);

#endif
