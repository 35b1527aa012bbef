#include "support/actors.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/control_client.h"

struct Actor {
    struct Actor *next;
    struct Stage *stage;
    struct LiteIpcDevice *device;
    struct LiteIpcThread *thread;
    struct LiteIpcTask *task;
    uint32_t taskID, processID;
    pthread_t system;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pid_t systemID; /* protected by lock, like all fields below */
    ActorStep step; /* NULL: idle */
    void *argument;
    int result;
    bool ends;
    /* Belongs to the test's thread until the step starts, then to the actor until the step ends. */
    IpcMsg out;
    IpcContent content;
};

/* ---- the actor's thread ---------------------------------------------------------------------- */

static void *Main(void *argument)
{
    struct Actor *actor = argument;
    pthread_mutex_lock(&actor->lock);
    actor->systemID = (pid_t)syscall(SYS_gettid);
    for (;;) {
        while (actor->step == NULL && !actor->ends) {
            pthread_cond_wait(&actor->changed, &actor->lock);
        }
        if (actor->step == NULL) {
            break;
        }
        ActorStep step = actor->step;
        pthread_mutex_unlock(&actor->lock);
        int result = step(actor, actor->argument);
        pthread_mutex_lock(&actor->lock);
        actor->result = result;
        actor->step = NULL;
        pthread_cond_broadcast(&actor->changed);
    }
    pthread_mutex_unlock(&actor->lock);
    return NULL;
}

bool ActorIsDone(struct Actor *actor)
{
    pthread_mutex_lock(&actor->lock);
    bool done = actor->step == NULL;
    pthread_mutex_unlock(&actor->lock);
    return done;
}

/* Returns true if the actor sleeps in epoll_wait, which only a wait for messages calls. */
static bool IsAsleep(struct Actor *actor)
{
    char path[64];
    char text[64] = "";
    pthread_mutex_lock(&actor->lock);
    pid_t systemID = actor->systemID;
    pthread_mutex_unlock(&actor->lock);
    snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int)systemID);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return false;
    }
    ssize_t length = read(descriptor, text, sizeof(text) - 1);
    close(descriptor);
    long number = length > 0 ? strtol(text, NULL, 10) : -1;
#ifdef SYS_epoll_wait
    return number == SYS_epoll_wait || number == SYS_epoll_pwait;
#else
    return number == SYS_epoll_pwait;
#endif
}

void ActorLaunch(struct Actor *actor, ActorStep step, void *argument)
{
    pthread_mutex_lock(&actor->lock);
    assert_null(actor->step);
    actor->step = step;
    actor->argument = argument;
    pthread_cond_broadcast(&actor->changed);
    pthread_mutex_unlock(&actor->lock);
}

void ActorStart(struct Actor *actor, ActorStep step, void *argument)
{
    ActorLaunch(actor, step, argument);
    uint64_t end = TestDeadline();
    unsigned asleep = 0;
    while (!ActorIsDone(actor) && asleep < 2 && NowMs() < end) {
        asleep = IsAsleep(actor) ? asleep + 1 : 0;
        usleep(100);
    }
}

int ActorJoin(struct Actor *actor)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += TEST_DEADLINE_MS / 1000;
    pthread_mutex_lock(&actor->lock);
    while (actor->step != NULL) {
        if (pthread_cond_timedwait(&actor->changed, &actor->lock, &end) == ETIMEDOUT) {
            fprintf(stderr, "task %u: a step has not ended\n", actor->taskID);
            abort();
        }
    }
    int result = actor->result;
    pthread_mutex_unlock(&actor->lock);
    return result;
}

int ActorRun(struct Actor *actor, ActorStep step, void *argument)
{
    ActorLaunch(actor, step, argument);
    return ActorJoin(actor);
}

/* ---- start and end -------------------------------------------------------------------------- */

static int BeginStep(struct Actor *actor, void *argument)
{
    (void)argument;
    int status = LiteIpcThreadCreate(actor->device, &actor->thread);
    return status != 0 ? status : LiteIpcTaskCreate(actor->thread, &actor->task);
}

static struct Actor *Begin(struct Stage *stage, struct LiteIpcDevice *device)
{
    struct Actor *actor = calloc(1, sizeof(*actor));
    assert_non_null(actor);
    actor->stage = stage;
    actor->device = device;
    actor->processID = LiteIpcDeviceProcessID(device);
    pthread_mutex_init(&actor->lock, NULL);
    pthread_cond_init(&actor->changed, NULL);
    assert_int_equal(pthread_create(&actor->system, NULL, Main, actor), 0);
    assert_int_equal(ActorRun(actor, BeginStep, NULL), 0);
    actor->taskID = LiteIpcTaskID(actor->task);
    actor->next = stage->actors;
    stage->actors = actor;
    return actor;
}

struct Actor *ActorProcessOf(struct Stage *stage, const char *domain)
{
    struct LiteIpcDevice *device;
    assert_int_equal(LiteIpcDeviceAttach(domain, &device), 0);
    return Begin(stage, device);
}

struct Actor *ActorProcess(struct Stage *stage)
{
    return ActorProcessOf(stage, LiteIpcDomainPath(stage->domain));
}

struct Actor *ActorSibling(struct Actor *actor)
{
    return Begin(actor->stage, actor->device);
}

struct Actor *ActorReady(struct Stage *stage)
{
    struct Actor *actor = ActorProcess(stage);
    assert_int_equal(ActorOpen(actor), 0);
    assert_int_equal(ActorMap(actor, ACTOR_POOL, PROT_READ, MAP_PRIVATE), 0);
    return actor;
}

struct Actor *ActorManager(struct Stage *stage)
{
    struct Actor *actor = ActorReady(stage);
    assert_int_equal(ActorSetCms(actor, ACTOR_CMS_MESSAGE), 0);
    return actor;
}

struct Actor *ActorService(struct Actor *manager, struct Actor *client)
{
    struct Actor *service = ActorReady(manager->stage);
    IpcMsg own = ActorOneway(service->taskID, 0);
    uint32_t handle;
    assert_int_equal(ActorSend(service, &own), 0); /* the first message makes the queue */
    assert_int_equal(ActorReceive(service, NULL), 0);
    assert_int_equal(ActorCmsCommand(manager, CMS_GEN_HANDLE, service->taskID, &handle), 0);
    assert_int_equal(handle, service->taskID);
    if (client != NULL) {
        assert_int_equal(ActorGrant(manager, client, service), 0);
    }
    return service;
}

static int EndStep(struct Actor *actor, void *argument)
{
    (void)argument;
    LiteIpcThreadDestroy(actor->thread);
    actor->thread = NULL;
    return 0;
}

static void End(struct Actor *actor)
{
    (void)ActorJoin(actor);
    (void)ActorRun(actor, EndStep, NULL);
    pthread_mutex_lock(&actor->lock);
    actor->ends = true;
    pthread_cond_broadcast(&actor->changed);
    pthread_mutex_unlock(&actor->lock);
    pthread_join(actor->system, NULL);
    pthread_mutex_destroy(&actor->lock);
    pthread_cond_destroy(&actor->changed);
    free(actor);
}

void ActorDetach(struct Actor *actor)
{
    struct LiteIpcDevice *device = actor->device;
    struct Actor **link = &actor->stage->actors;
    LiteIpcDeviceShutdown(device);
    while (*link != NULL) {
        struct Actor *found = *link;
        if (found->device == device) {
            *link = found->next;
            End(found);
        } else {
            link = &found->next;
        }
    }
    LiteIpcDeviceDetach(device);
}

static int ExitStep(struct Actor *actor, void *argument)
{
    (void)argument;
    LiteIpcTaskExit(actor->task);
    actor->task = NULL;
    return 0;
}

void ActorExitTask(struct Actor *actor)
{
    (void)ActorRun(actor, ExitStep, NULL);
}

void ActorExitProcess(struct Actor *actor)
{
    LiteIpcDeviceShutdown(actor->device);
}

struct LiteIpcDevice *ActorDevice(const struct Actor *actor)
{
    return actor->device;
}

struct LiteIpcThread *ActorThread(const struct Actor *actor)
{
    return actor->thread;
}

struct LiteIpcTask *ActorTask(const struct Actor *actor)
{
    return actor->task;
}

uint32_t ActorID(const struct Actor *actor)
{
    return actor->taskID;
}

uint32_t ActorProcessID(const struct Actor *actor)
{
    return actor->processID;
}

IpcMsg *ActorOut(struct Actor *actor);
IpcContent *ActorContent(struct Actor *actor);

IpcMsg *ActorOut(struct Actor *actor)
{
    return &actor->out;
}

IpcContent *ActorContent(struct Actor *actor)
{
    return &actor->content;
}

/* ---- the stage ------------------------------------------------------------------------------- */

void StageOpen(struct Stage *stage, enum LiteIpcProfile profile)
{
    *stage = (struct Stage){.descriptorsBefore = TestDescriptorCount()};
    TestDirectoryMake(stage->directory, sizeof(stage->directory));
    struct LiteIpcDomainOptions options = {
        .name = "stage", .profile = profile, .socketGid = (uint32_t)-1};
    assert_int_equal(LiteIpcDomainStart(&options, &stage->domain), 0);
}

bool StageSettles(struct Stage *stage, uint32_t processes)
{
    struct LiteIpcDomainCounters counters;
    uint64_t deadline = TestDeadline();
    do {
        LiteIpcDomainCount(stage->domain, &counters);
        if (counters.processes == processes &&
            (processes > 0 ||
             counters.threads + counters.tasks + counters.lanes + counters.parkedRequests == 0)) {
            return true;
        }
    } while (TestRetry(deadline));
    print_error("processes %u threads %u tasks %u lanes %u parked %u\n", counters.processes,
                counters.threads, counters.tasks, counters.lanes, counters.parkedRequests);
    return false;
}

void StageClose(struct Stage *stage)
{
    while (stage->actors != NULL) {
        ActorDetach(stage->actors);
    }
    if (stage->domain != NULL) {
        assert_true(StageSettles(stage, 0));
        LiteIpcDomainStop(stage->domain);
    }
    TestDirectoryRemove(stage->directory);
    assert_int_equal(TestDescriptorCount(), stage->descriptorsBefore);
}

static int SetUp(void **state, enum LiteIpcProfile profile)
{
    struct Stage *stage = calloc(1, sizeof(*stage));
    assert_non_null(stage);
    StageOpen(stage, profile);
    *state = stage;
    return 0;
}

int StageSetUp(void **state)
{
    return SetUp(state, LITEIPC_PROFILE_LITEOS_A);
}

int StageSetUpHost(void **state)
{
    return SetUp(state, LITEIPC_PROFILE_HOST);
}

int StageTearDown(void **state)
{
    StageClose(*state);
    free(*state);
    return 0;
}
