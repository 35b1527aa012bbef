#include "support/forked.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/control_client.h"

/* ---- the stage ------------------------------------------------------------------------------- */

int ForkStageRole(const char *path, const char *argument)
{
    struct LiteIpcDomainOptions options = {
        .name = path, .profile = LITEIPC_PROFILE_LITEOS_A, .socketGid = (uint32_t)-1};
    struct LiteIpcDomain *domain;
    (void)argument;
    if (LiteIpcDomainStart(&options, &domain) != 0) {
        return 1;
    }
    ChildReport("ready");
    ChildAwaitResume();
    LiteIpcDomainStop(domain);
    return 0;
}

void ForkStageBegin(struct ForkStage *stage)
{
    ChildStart(&stage->domain, "domain", stage->path, "", CHILD_SAME_USER);
    assert_true(ChildReports(&stage->domain, "ready"));
}

void ForkStageEnd(struct ForkStage *stage)
{
    ChildResume(&stage->domain);
    assert_int_equal(ChildEnd(&stage->domain), 0);
    stage->domain.pid = 0;
}

int ForkStageSetUp(void **state)
{
    struct ForkStage *stage = calloc(1, sizeof(*stage));
    assert_non_null(stage);
    TestDirectoryMake(stage->stage.directory, sizeof(stage->stage.directory));
    snprintf(stage->path, sizeof(stage->path), "%s/fork", stage->stage.directory);
    ForkStageBegin(stage);
    stage->stage.descriptorsBefore = TestDescriptorCount();
    *state = stage;
    return 0;
}

int ForkStageTearDown(void **state)
{
    struct ForkStage *stage = *state;
    while (stage->stage.actors != NULL) {
        ActorDetach(stage->stage.actors);
    }
    assert_int_equal(TestDescriptorCount(), stage->stage.descriptorsBefore);
    if (stage->domain.pid != 0) {
        ForkStageEnd(stage);
    }
    TestDirectoryRemove(stage->stage.directory);
    free(stage);
    return 0;
}

struct Actor *ForkStageProcess(struct ForkStage *stage)
{
    struct Actor *actor = ActorProcessOf(&stage->stage, stage->path);
    assert_true(stage->deviceCount < FORK_STAGE_DEVICES_MAX);
    stage->devices[stage->deviceCount++] = ActorDevice(actor);
    return actor;
}

struct Actor *ForkStageManager(struct ForkStage *stage)
{
    struct Actor *actor = ForkStageActor(stage);
    assert_int_equal(ActorSetCms(actor, ACTOR_CMS_MESSAGE), 0);
    return actor;
}

struct Actor *ForkStageActor(struct ForkStage *stage)
{
    struct Actor *actor = ForkStageProcess(stage);
    assert_int_equal(ActorOpen(actor), 0);
    assert_int_equal(ActorMap(actor, ACTOR_POOL, PROT_READ, MAP_PRIVATE), 0);
    return actor;
}

struct Actor *ForkStageService(struct ForkStage *stage, struct Actor *manager, struct Actor *client)
{
    struct Actor *service = ForkStageActor(stage);
    IpcMsg own = ActorOneway(ActorID(service), 0);
    uint32_t handle;
    assert_int_equal(ActorSend(service, &own), 0); /* the first message makes the queue */
    assert_int_equal(ActorReceive(service, NULL), 0);
    assert_int_equal(ActorCmsCommand(manager, CMS_GEN_HANDLE, ActorID(service), &handle), 0);
    if (client != NULL) {
        assert_int_equal(ActorGrant(manager, client, service), 0);
    }
    return service;
}

/* ---- fork ------------------------------------------------------------------------------------ */

pid_t ForkedStart(struct ForkStage *stage, struct LiteIpcDevice *parent, ForkedMain main,
                  void *argument)
{
    fflush(NULL);
    if (stage->own != NULL) {
        LiteIpcDomainForkPrepare(stage->own);
    }
    for (unsigned i = 0; i < stage->deviceCount; i++) {
        LiteIpcForkPrepare(stage->devices[i]);
    }
    pid_t pid = fork();
    for (unsigned i = 0; i < stage->deviceCount; i++) {
        (pid == 0 ? LiteIpcForkChild : LiteIpcForkParent)(stage->devices[i]);
    }
    if (stage->own != NULL) {
        (pid == 0 ? LiteIpcDomainForkChild : LiteIpcDomainForkParent)(stage->own);
    }
    if (pid == 0) {
        alarm(TEST_ALARM_S);
        main(parent, argument);
        _exit(0);
    }
    assert_true(pid > 0);
    return pid;
}

bool ForkedEnd(pid_t pid)
{
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) {
        print_error("the forked child ended with status %x\n", (unsigned)status);
    }
    return status == 0;
}

bool ForkedRun(struct ForkStage *stage, struct LiteIpcDevice *parent, ForkedMain main,
               void *argument)
{
    return ForkedEnd(ForkedStart(stage, parent, main, argument));
}

void ForkedFail(const char *file, int line, const char *what)
{
    fprintf(stderr, "check failed in a forked child, %s:%d: %s\n", file, line, what);
    fflush(stderr);
    _exit(1);
}

/* ---- the child's device ---------------------------------------------------------------------- */

int ForkedBegin(struct LiteIpcDevice *parent, struct Forked *self)
{
    *self = (struct Forked){0};
    int status = LiteIpcDeviceForked(parent, &self->device);
    if (status == 0) {
        FORKED_CHECK(LiteIpcThreadCreate(self->device, &self->thread) == 0);
        FORKED_CHECK(LiteIpcTaskCreate(self->thread, &self->task) == 0);
        self->taskID = LiteIpcTaskID(self->task);
    }
    return status;
}

int ForkedMap(struct Forked *self, size_t size)
{
    void *address = NULL;
    int status = LiteIpcMmap(self->task, size, PROT_READ, MAP_PRIVATE, &address);
    FORKED_CHECK(status != 0 || address != NULL);
    return status;
}

void ForkedReady(struct LiteIpcDevice *parent, struct Forked *self)
{
    FORKED_CHECK(ForkedBegin(parent, self) == 0);
    FORKED_CHECK(ForkedMap(self, ACTOR_POOL) == 0);
}

int ForkedIoctl(struct Forked *self, unsigned cmd, unsigned long arg)
{
    return LiteIpcIoctl(self->task, cmd, arg);
}

int ForkedMsg(struct Forked *self, uint32_t flag, IpcMsg *out, const void *toFree, IpcMsg **in)
{
    IpcContent content = {.flag = flag, .outMsg = out, .buffToFree = (void *)(uintptr_t)toFree};
    int status = ForkedIoctl(self, IPC_SEND_RECV_MSG, (unsigned long)&content);
    if (in != NULL) {
        *in = content.inMsg;
    }
    return status;
}

int ForkedCall(struct Forked *self, uint32_t handle, uint32_t code)
{
    IpcMsg out = ActorRequest(handle, code);
    IpcMsg *in = NULL;
    int status = ForkedMsg(self, SEND | RECV, &out, NULL, &in);
    if (status == 0) {
        FORKED_CHECK(in->type == MT_REPLY);
        status = (int)in->code;
        FORKED_CHECK(ForkedMsg(self, BUFF_FREE, NULL, in, NULL) == 0);
    }
    return status;
}

void ForkedFinish(struct Forked *self)
{
    LiteIpcThreadDestroy(self->thread);
    LiteIpcDeviceDetach(self->device);
    *self = (struct Forked){0};
}

/* ---- what a process has ---------------------------------------------------------------------- */

typedef bool (*DescriptorCheck)(int descriptor, void *argument);

static bool EveryDescriptor(DescriptorCheck check, void *argument)
{
    bool good = true;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        return false;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        int descriptor = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && descriptor != dirfd(folder)) {
            good = check(descriptor, argument) && good;
        }
    }
    closedir(folder);
    return good;
}

static bool Remember(int descriptor, void *argument)
{
    struct KnownDescriptors *known = argument;
    return descriptor < DESCRIPTORS_KNOWN_MAX && (known->open[descriptor] = true);
}

void KnownDescriptorsTake(struct KnownDescriptors *known)
{
    *known = (struct KnownDescriptors){0};
    assert_true(EveryDescriptor(Remember, known));
}

struct Allowed {
    const struct KnownDescriptors *known;
    const char *path;
};

static bool IsAllowed(int descriptor, void *argument)
{
    const struct Allowed *allowed = argument;
    char link[64], target[128] = "";
    if (descriptor < DESCRIPTORS_KNOWN_MAX && allowed->known->open[descriptor]) {
        return true;
    }
    snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
    if (readlink(link, target, sizeof(target) - 1) > 0 && allowed->path != NULL &&
        strcmp(target, allowed->path) == 0) {
        return true;
    }
    fprintf(stderr, "descriptor %d is %s\n", descriptor, target);
    return false;
}

bool KnownDescriptorsOnly(const struct KnownDescriptors *known, const char *path)
{
    struct Allowed allowed = {.known = known, .path = path};
    return EveryDescriptor(IsAllowed, &allowed);
}

static bool ClosesOnExec(int descriptor, void *argument)
{
    const struct KnownDescriptors *known = argument;
    bool fine = (descriptor < DESCRIPTORS_KNOWN_MAX && known->open[descriptor]) ||
                (fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0;
    if (!fine) {
        fprintf(stderr, "descriptor %d is not close-on-exec\n", descriptor);
    }
    return fine;
}

bool OthersCloseOnExec(const struct KnownDescriptors *known)
{
    struct KnownDescriptors copy = *known;
    return EveryDescriptor(ClosesOnExec, &copy);
}

bool LiteIpcIsMapped(void)
{
    char line[512];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        if (strstr(line, "memfd:liteipc") != NULL) {
            fprintf(stderr, "mapped: %s", line);
            found = true;
        }
    }
    if (maps == NULL) {
        return true;
    }
    fclose(maps);
    return found;
}
