/*
 * Tests processes: fork before and after the device is open, vfork, posix_spawn, exec, daemons, and
 * every way to exit. The main process is the ServiceManager and the IPC task, which gets the death
 * notices.
 *   processes                the program
 *   processes no-exec        without the parts that execute this file again
 *   processes guest N        started by the program: registers as service N, then exits
 */
#include <dlfcn.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "support/device.h"

extern char **environ;
static char program[4096];

/* The function exists only under the shim, so the program is not linked with it. */
static uint32_t Identity(const char *function)
{
    uint32_t (*get)(void) = (uint32_t(*)(void))dlsym(RTLD_DEFAULT, function);
    CHECK(get != NULL);
    return get();
}

/* Answers a registration and returns the new service's handle. */
static uint32_t Answer(int device)
{
    IpcMsg *request;
    CHECK(Receive(device, &request) == 0);
    CHECK(request->type == MT_REQUEST && request->code == MANAGER_REGISTER);
    CHECK(request->processID != Identity("LiteIpcShimProcessID"));
    CmsCmdContent command = {.cmd = CMS_GEN_HANDLE, .taskID = request->taskID};
    CHECK(ioctl(device, IPC_CMS_CMD, &command) == 0);
    CHECK(command.serviceHandle == request->taskID);
    CHECK(Reply(device, request, MT_REPLY, &command.serviceHandle, sizeof(uint32_t)) == 0);
    return command.serviceHandle;
}

/*
 * Registers twice: a task that has not received anything has no queue, and the manager gets no
 * access to it. The second time it has one.
 */
static uint32_t Enter(int device)
{
    uint32_t handle = Register(device, 1);
    CHECK(Register(device, 1) == handle);
    return handle;
}

/*
 * Answers both registrations. From then on the manager has access and gets the service's death
 * notice.
 */
static uint32_t AdmitOne(int device)
{
    uint32_t handle = Answer(device);
    CHECK(Answer(device) == handle);
    return handle;
}

static void AwaitDeath(int device, uint32_t handle)
{
    IpcMsg *notice;
    CHECK(Receive(device, &notice) == 0);
    CHECK(notice->type == MT_DEATH_NOTIFY && notice->target.token == handle);
    CHECK(notice->dataSz == 0 && notice->spObjNum == 0);
    CHECK(Free(device, notice) == 0);
}

static void BeGuest(void)
{
    int device = DeviceReady();
    CHECK_ERRNO(ioctl(device, IPC_SET_CMS, 4096UL), EEXIST);
    CmsCmdContent command = {.cmd = CMS_GEN_HANDLE};
    CHECK_ERRNO(ioctl(device, IPC_CMS_CMD, &command), EACCES);
    uint32_t handle = Enter(device);
    CHECK(handle == Identity("LiteIpcShimTaskID"));
}

static pid_t Fork(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    return child;
}

/* The child has the device open and inherits nothing else. */
static void ForkedWithDevice(int device, bool wait)
{
    IpcVersion version;
    CmsCmdContent command = {.cmd = CMS_GEN_HANDLE};
    CHECK_ERRNO(ioctl(device, IPC_GET_VERSION, &version), ENOMEM);
    CHECK_ERRNO(ioctl(device, IPC_SET_IPC_THREAD, 0), ENOMEM);
    CHECK(mmap(NULL, POOL_SIZE, PROT_READ, MAP_PRIVATE, device, 0) != MAP_FAILED);
    CHECK(ioctl(device, IPC_GET_VERSION, &version) == 0);
    CHECK_ERRNO(ioctl(device, IPC_CMS_CMD, &command), EACCES);
    (void)Enter(device);
    if (wait) {
        IpcMsg *msg;
        (void)Receive(device, &msg); /* until it is killed */
        CHECK(false);
    }
}

static void OnSignal(int number)
{
    (void)number;
}

enum Ending { BY_EXIT, BY_UNDERSCORE_EXIT, BY_KILL, BY_TERMINATE, BY_ABORT, BY_EXEC, ENDINGS };

static void End(enum Ending ending)
{
    switch (ending) {
        case BY_EXIT:
            exit(0);
        case BY_UNDERSCORE_EXIT:
            _exit(0);
        case BY_KILL:
            raise(SIGKILL);
            break;
        case BY_TERMINATE:
            raise(SIGTERM);
            break;
        case BY_ABORT:
            signal(SIGABRT, SIG_DFL);
            abort();
        default:
            execlp("true", "true", (char *)NULL);
    }
    _exit(1);
}

static void CheckEndings(int device)
{
    for (enum Ending ending = BY_EXIT; ending < ENDINGS; ending++) {
        int status;
        pid_t child = Fork();
        if (child == 0) {
            ForkedWithDevice(device, false);
            End(ending);
        }
        uint32_t handle = AdmitOne(device);
        AwaitDeath(device, handle);
        IpcMsg request = Request(handle, 1, NULL, 0);
        CHECK_ERRNO(Send(device, &request), EACCES);
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(ending == BY_EXIT || ending == BY_UNDERSCORE_EXIT || ending == BY_EXEC
                  ? WIFEXITED(status) && WEXITSTATUS(status) == 0
                  : WIFSIGNALED(status));
    }
}

/*
 * A child that waits in the device is killed; a child with a handler for the signal continues to
 * wait.
 */
static void CheckSignals(int device)
{
    int status;
    pid_t child = Fork();
    if (child == 0) {
        struct sigaction action = {.sa_handler = OnSignal}; /* without SA_RESTART */
        CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
        ForkedWithDevice(device, true);
    }
    uint32_t handle = AdmitOne(device);
    for (int i = 0; i < 20; i++) {
        CHECK(kill(child, SIGUSR1) == 0);
        usleep(1000);
    }
    CHECK(waitpid(child, &status, WNOHANG) == 0);
    CHECK(kill(child, SIGTERM) == 0);
    AwaitDeath(device, handle);
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

/* Generations that do not use the device, and one that does. */
static void CheckGrandchild(int device)
{
    pid_t child = Fork();
    if (child == 0) {
        pid_t grandchild = Fork();
        if (grandchild == 0) {
            ForkedWithDevice(device, false);
            pid_t more = Fork();
            if (more == 0) {
                IpcVersion version;
                CHECK_ERRNO(ioctl(device, IPC_GET_VERSION, &version), ENOMEM);
                exit(0);
            }
            Await(more);
            exit(0);
        }
        Await(grandchild);
        exit(0);
    }
    AwaitDeath(device, AdmitOne(device));
    Await(child);
}

/* Opens the device only after the fork, in both processes. */
static void CheckDaemon(int device)
{
    pid_t child = Fork();
    if (child == 0) {
        /* Closes all descriptors, as daemon(3) and many programs do. */
        CHECK(setsid() > 0);
        pid_t grandchild = Fork();
        if (grandchild == 0) {
            for (int number = 3; number < 256; number++) {
                (void)close(number);
            }
            BeGuest();
            exit(0);
        }
        Await(grandchild);
        _exit(0);
    }
    AwaitDeath(device, AdmitOne(device));
    Await(child);
}

static void CheckVfork(int device)
{
    int null = open("/dev/null", O_RDWR);
    CHECK(null >= 0);
    for (int round = 0; round < 20; round++) {
        int status;
        pid_t child = vfork();
        CHECK(child >= 0);
        if (child == 0) {
            /* More than POSIX allows, but common: prepares descriptors and closes the others. */
            (void)dup2(null, 0);
            for (int number = 3; number < 2000; number++) {
                (void)close(number);
            }
            execlp("true", "true", (char *)NULL);
            _exit(127);
        }
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        IpcVersion version;
        CHECK(ioctl(device, IPC_GET_VERSION, &version) == 0);
    }
    CHECK(close(null) == 0);
}

static void CheckSpawn(int device)
{
    char *arguments[] = {program, "guest", NULL};
    posix_spawn_file_actions_t actions;
    CHECK(posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_adddup2(&actions, device, 50) == 0);
    CHECK(posix_spawn_file_actions_addclose(&actions, device) == 0);
    for (int round = 0; round < 3; round++) {
        pid_t child;
        CHECK(posix_spawn(&child, program, &actions, NULL, arguments, environ) == 0);
        AwaitDeath(device, AdmitOne(device));
        Await(child);
    }
    CHECK(posix_spawn_file_actions_destroy(&actions) == 0);
}

/* A process that uses the device executes another program that uses it: a new LiteIPC process. */
static void CheckExec(int device)
{
    pid_t child = Fork();
    if (child == 0) {
        ForkedWithDevice(device, false);
        execl(program, program, "guest", (char *)NULL);
        _exit(1);
    }
    uint32_t before = AdmitOne(device);
    AwaitDeath(device, before);
    AwaitDeath(device, AdmitOne(device));
    Await(child);
    CHECK(system("exit 3") == 3 << 8);
}

/* Children of both kinds without pthread_atfork handlers must not affect the parent's device. */
static void CheckRawClone(int device)
{
    IpcVersion version;
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    CHECK(child >= 0);
    if (child == 0) {
        CHECK_ERRNO(ioctl(device, IPC_GET_VERSION, &version), ENODEV);
        exit(0); /* with exit handlers: they must not act for the parent */
    }
    Await(child);
    CHECK(ioctl(device, IPC_GET_VERSION, &version) == 0);
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "guest") == 0) {
        BeGuest();
        return 0;
    }
    CHECK(realpath(arguments[0], program) != NULL);
    /* One way to exit would leave a core file. */
    CHECK(setrlimit(RLIMIT_CORE, &(struct rlimit){0}) == 0);
    bool canExec = !(count == 2 && strcmp(arguments[1], "no-exec") == 0);

    /* A child of a process without a device has its own device. */
    pid_t child = Fork();
    if (child == 0) {
        IpcVersion version;
        int device = DeviceReady();
        CHECK(ioctl(device, IPC_GET_VERSION, &version) == 0);
        exit(0);
    }
    Await(child);

    CHECK(Identity("LiteIpcShimTaskID") > 0); /* creates a task and opens nothing */
    uint32_t task = Identity("LiteIpcShimTaskID"), process = Identity("LiteIpcShimProcessID");
    int device = DeviceReady();
    CHECK(task == Identity("LiteIpcShimTaskID") && process == Identity("LiteIpcShimProcessID"));
    BecomeManager(device);
    CHECK((uint32_t)ioctl(device, IPC_SET_IPC_THREAD, 0) == task);

    CheckEndings(device);
    CheckSignals(device);
    CheckGrandchild(device);
    CheckDaemon(device);
    CheckVfork(device);
    if (canExec) {
        CheckSpawn(device);
        CheckExec(device);
        CheckRawClone(device);
    }
    CHECK(task == Identity("LiteIpcShimTaskID") && process == Identity("LiteIpcShimProcessID"));
    size_t nodes = 1, bytes = 1;
    int (*pool)(size_t *, size_t *) =
        (int (*)(size_t *, size_t *))dlsym(RTLD_DEFAULT, "LiteIpcShimPoolCount");
    CHECK(pool != NULL && pool(&nodes, &bytes) == 0 && nodes == 0 && bytes == 0);
    printf("ok\n");
    return 0;
}
