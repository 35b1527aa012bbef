/*
 * Tests threads as tasks: every thread that uses the device is a task with its own identity, queue
 * and exit. Covers calls between threads, thread exit, pthread_cancel, signals, and a fork while
 * other threads wait.
 */
#include <pthread.h>
#include <signal.h>

#include "support/device.h"

#define SERVERS 4
#define CLIENTS 4
#define CALLS   500

static int device;

/* Returns the calling thread's task ID; only the ServiceManager's process may request it. */
static uint32_t OwnHandle(void)
{
    CmsCmdContent command = {.cmd = CMS_GEN_HANDLE};
    CHECK(ioctl(device, IPC_CMS_CMD, &command) == 0);
    return command.serviceHandle;
}

struct Server {
    pthread_t thread;
    uint32_t handle;
    uint32_t served;
    pthread_barrier_t *ready;
};

enum { CODE_DOUBLE = 1, CODE_STOP = 2, CODE_DIE = 3 };

static void *Serve(void *argument)
{
    struct Server *server = argument;
    server->handle = OwnHandle();
    (void)pthread_barrier_wait(server->ready);
    for (;;) {
        IpcMsg *request;
        uint32_t value;
        CHECK(Receive(device, &request) == 0 && request->type == MT_REQUEST);
        CHECK(request->target.handle == server->handle);
        if (request->code == CODE_DIE) {
            return NULL; /* without an answer; the message is freed when the process exits */
        }
        memcpy(&value, request->data, sizeof(value));
        value *= 2;
        server->served++;
        bool stop = request->code == CODE_STOP;
        CHECK(Reply(device, request, MT_REPLY, &value, sizeof(value)) == 0);
        if (stop) {
            return NULL;
        }
    }
}

static struct Server servers[SERVERS];

static void *CallEverybody(void *argument)
{
    uint32_t seed = (uint32_t)(uintptr_t)argument;
    for (uint32_t i = 0; i < CALLS; i++) {
        uint32_t value = seed * CALLS + i;
        CHECK(Ask(device, servers[i % SERVERS].handle, CODE_DOUBLE, value) == value * 2);
    }
    return NULL;
}

static void StartServer(struct Server *server)
{
    pthread_barrier_t ready;
    CHECK(pthread_barrier_init(&ready, NULL, 2) == 0);
    server->ready = &ready;
    server->served = 0;
    CHECK(pthread_create(&server->thread, NULL, Serve, server) == 0);
    (void)pthread_barrier_wait(&ready);
    CHECK(pthread_barrier_destroy(&ready) == 0);
}

static void CheckCalls(void)
{
    pthread_t clients[CLIENTS];
    for (int i = 0; i < SERVERS; i++) {
        StartServer(&servers[i]);
        for (int k = 0; k < i; k++) {
            CHECK(servers[k].handle != servers[i].handle);
        }
    }
    for (uintptr_t i = 0; i < CLIENTS; i++) {
        CHECK(pthread_create(&clients[i], NULL, CallEverybody, (void *)i) == 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        CHECK(pthread_join(clients[i], NULL) == 0);
    }
    for (int i = 0; i < SERVERS; i++) {
        CHECK(Ask(device, servers[i].handle, CODE_STOP, 4) == 8);
        CHECK(pthread_join(servers[i].thread, NULL) == 0);
        CHECK(servers[i].served == CLIENTS * CALLS / SERVERS + 1);
    }
}

/* A thread's exit ends its task, and a caller that waits for it gets an error at once. */
static void CheckThreadExit(void)
{
    struct Server server;
    uint32_t value = 1;
    IpcMsg *reply;
    StartServer(&server);
    IpcMsg request = Request(server.handle, CODE_DIE, &value, sizeof(value));
    CHECK_ERRNO(Call(device, &request, &reply), ENOENT);
    CHECK(pthread_join(server.thread, NULL) == 0);
    CHECK_ERRNO(Send(device, &request), EACCES);
    CHECK(OwnHandle() > 0); /* not the CMS's thread: see main */
}

static void *WaitForEver(void *argument)
{
    struct Server *server = argument;
    server->handle = OwnHandle();
    (void)pthread_barrier_wait(server->ready);
    IpcMsg *request;
    CHECK(Receive(device, &request) == 0);
    server->served = request->code;
    CHECK(Free(device, request) == 0);
    pthread_testcancel();
    return server;
}

/* Uses the device in the clean-up handler of a thread that was cancelled in the device. */
static void CleanUp(void *argument)
{
    struct Server *server = argument;
    IpcMsg *msg;
    IpcMsg request = Request(server->handle, 8, NULL, 0);
    CHECK(Send(device, &request) == 0); /* to itself: the task exists until the thread has exited */
    CHECK(Receive(device, &msg) == 0 && msg->code == 8 && msg->taskID == server->handle);
    CHECK(Free(device, msg) == 0);
    server->served = 8;
}

static void *WaitAndCleanUp(void *argument)
{
    void *result;
    pthread_cleanup_push(CleanUp, argument);
    result = WaitForEver(argument);
    pthread_cleanup_pop(0);
    return result;
}

static void *WaitUncancelled(void *argument)
{
    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL) == 0);
    return WaitForEver(argument);
}

static void StartWaiter(struct Server *server, void *(*body)(void *))
{
    pthread_barrier_t ready;
    CHECK(pthread_barrier_init(&ready, NULL, 2) == 0);
    server->ready = &ready;
    server->served = 0;
    CHECK(pthread_create(&server->thread, NULL, body, server) == 0);
    (void)pthread_barrier_wait(&ready);
    usleep(2000); /* the thread is probably waiting now; the test does not depend on it */
    CHECK(pthread_barrier_destroy(&ready) == 0);
}

static void CheckCancel(void)
{
    for (int round = 0; round < 20; round++) {
        struct Server server;
        void *result = NULL;
        StartWaiter(&server, WaitForEver);
        CHECK(pthread_cancel(server.thread) == 0);
        CHECK(pthread_join(server.thread, &result) == 0 && result == PTHREAD_CANCELED);
        IpcMsg request = Request(server.handle, 1, NULL, 0);
        CHECK_ERRNO(Send(device, &request), EACCES);
    }
    struct Server server;
    void *result = NULL;
    StartWaiter(&server, WaitAndCleanUp);
    CHECK(pthread_cancel(server.thread) == 0);
    CHECK(pthread_join(server.thread, &result) == 0 && result == PTHREAD_CANCELED);
    CHECK(server.served == 8);

    StartWaiter(&server, WaitUncancelled);
    CHECK(pthread_cancel(server.thread) == 0);
    IpcMsg request = Request(server.handle, 7, NULL, 0);
    CHECK(Send(device, &request) == 0);
    CHECK(pthread_join(server.thread, &result) == 0 && result == &server && server.served == 7);
}

static volatile sig_atomic_t signals, refused;

static void OnSignal(int number)
{
    (void)number;
    int before = errno;
    IpcVersion version;
    signals++;
    /* The thread is in an operation: a nested operation is refused and has no effect. */
    refused += ioctl(device, IPC_GET_VERSION, &version) == -1 && errno == EBUSY;
    errno = before;
}

static void CheckSignals(void)
{
    struct Server server;
    struct sigaction action = {.sa_handler = OnSignal};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    StartWaiter(&server, WaitForEver);
    for (int i = 0; i < 10; i++) {
        CHECK(pthread_kill(server.thread, SIGUSR1) == 0);
        usleep(1000);
    }
    CHECK(signals > 0 && refused > 0);
    IpcMsg request = Request(server.handle, 9, NULL, 0);
    CHECK(Send(device, &request) == 0);
    CHECK(pthread_join(server.thread, NULL) == 0 && server.served == 9);
}

static void *ForkMuch(void *argument)
{
    (void)argument;
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            IpcVersion version;
            CHECK_ERRNO(ioctl(device, IPC_GET_VERSION, &version), ENOMEM);
            CHECK(mmap(NULL, POOL_SIZE, PROT_READ, MAP_PRIVATE, device, 0) != MAP_FAILED);
            CHECK(ioctl(device, IPC_GET_VERSION, &version) == 0);
            exit(0);
        }
        Await(child);
    }
    return NULL;
}

/* Forks while other threads wait, and while other threads call. */
static void CheckForks(void)
{
    struct Server waiter;
    pthread_t forking, calling;
    StartWaiter(&waiter, WaitForEver);
    for (int i = 0; i < SERVERS; i++) {
        StartServer(&servers[i]);
    }
    CHECK(pthread_create(&forking, NULL, ForkMuch, NULL) == 0);
    CHECK(pthread_create(&calling, NULL, CallEverybody, NULL) == 0);
    (void)ForkMuch(NULL);
    CHECK(pthread_join(forking, NULL) == 0 && pthread_join(calling, NULL) == 0);
    for (int i = 0; i < SERVERS; i++) {
        CHECK(Ask(device, servers[i].handle, CODE_STOP, 4) == 8);
        CHECK(pthread_join(servers[i].thread, NULL) == 0);
    }
    IpcMsg request = Request(waiter.handle, 3, NULL, 0);
    CHECK(Send(device, &request) == 0);
    CHECK(pthread_join(waiter.thread, NULL) == 0 && waiter.served == 3);
}

static void *Everything(void *argument)
{
    CheckCalls();
    CheckThreadExit();
    CheckCancel();
    CheckSignals();
    CheckForks();
    return argument;
}

static void *WaitAtExit(void *argument)
{
    IpcMsg *request;
    (void)Receive(device, &request);
    _exit(5); /* the process must not return here when it exits */
    return argument;
}

/*
 * A process exits with a thread in the device. More output than the pipe holds delays the exit:
 * libc writes the output after everything else.
 */
static void EndSlowly(int output)
{
    static char buffer[256 * 1024], text[200 * 1024];
    pthread_t waiting;
    CHECK(mmap(NULL, POOL_SIZE, PROT_READ, MAP_PRIVATE, device, 0) != MAP_FAILED);
    CHECK(dup2(output, STDOUT_FILENO) == STDOUT_FILENO && close(output) == 0);
    CHECK(setvbuf(stdout, buffer, _IOFBF, sizeof(buffer)) == 0);
    CHECK(fwrite(text, 1, sizeof(text), stdout) == sizeof(text));
    CHECK(pthread_create(&waiting, NULL, WaitAtExit, NULL) == 0);
    usleep(5000);
    exit(0);
}

static void CheckProcessExit(void)
{
    int ends[2];
    char bytes[4096];
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(close(ends[0]) == 0);
        EndSlowly(ends[1]);
    }
    CHECK(close(ends[1]) == 0);
    usleep(50000);
    while (read(ends[0], bytes, sizeof(bytes)) > 0) {
    }
    CHECK(close(ends[0]) == 0);
    Await(child);
}

int main(void)
{
    pthread_t worker;
    device = DeviceReady();
    BecomeManager(device);
    CHECK(pthread_create(&worker, NULL, Everything, NULL) == 0);
    CHECK(pthread_join(worker, NULL) == 0);
    CheckProcessExit();
    printf("ok\n");
    return 0;
}
