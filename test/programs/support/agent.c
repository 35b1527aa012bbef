#include "support/agent.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "liteipc/liteipc.h"

/* Codes of the ServiceManager's methods and of replies (lib/wire/remote-error.ts). */
#define REGISTRY_REGISTER 0
#define REGISTRY_LOOKUP   2
#define REPLY_RESULT      0
/* `echo` is the first method of the tests' services. */
#define METHOD_ECHO 0

#define TEXT_MAX      3000
#define HEADER_MAX    3
#define NS_PER_SECOND 1000000000ULL
/*
 * Limit for a call, ns: the domain's own limit is 5 s, and a terminated peer ends a call at once.
 */
#define CALL_MAX_NS (4 * NS_PER_SECOND)
/* Limit for the time without a domain or a ServiceManager, ns. */
#define ABSENCE_MAX_NS (30 * NS_PER_SECOND)

static atomic_bool ended; /* set by a signal handler, read by all threads */

struct Agent {
    const struct AgentOptions *options;
    pthread_mutex_t lock; /* protects `device` against destruction during its shutdown */
    struct LiteIpcDevice *device;
    _Atomic uint64_t answers;
    bool once; /* make only a few calls: AgentFlicker */
};

/* One thread of an agent. */
struct AgentThread {
    struct Agent *agent;
    struct LiteIpcThread *thread;
    struct LiteIpcTask *task;
    uint64_t random;
    uint32_t handles[AGENT_SERVICES_MAX]; /* 0: not looked up */
    void *toFree;                         /* the last message received */
    int status;                           /* reason of its end */
};

static uint64_t Now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static void Pause(uint64_t microseconds)
{
    struct timespec time = {.tv_sec = (time_t)(microseconds / 1000000),
                            .tv_nsec = (long)(microseconds % 1000000) * 1000};
    nanosleep(&time, NULL);
}

static uint32_t Random(uint64_t *state, uint32_t limit)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)((*state >> 33) % limit);
}

__attribute__((format(printf, 1, 2))) static void Report(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof(line)) {
        line[sizeof(line) - 2] = '\n';
        length = (int)sizeof(line) - 1;
    }
    /* A single write, so that lines of several agents are not interleaved. */
    if (write(STDOUT_FILENO, line, (size_t)length) != length) {
        _exit(3); /* standard output is closed */
    }
}

static size_t DescriptorCount(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory != NULL && readdir(directory) != NULL) {
        count++;
    }
    if (directory != NULL) {
        closedir(directory);
    }
    return count;
}

static void OnTerminate(int number)
{
    (void)number;
    ended = true;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* Encodes a random text in MessagePack and returns the number of bytes. */
static size_t Encode(unsigned char *out, uint32_t length, uint64_t *random)
{
    size_t header = 1;
    if (length < 32) {
        out[0] = (unsigned char)(0xa0 | length);
    } else if (length < 256) {
        out[0] = 0xd9;
        out[1] = (unsigned char)length;
        header = 2;
    } else {
        out[0] = 0xda;
        out[1] = (unsigned char)(length >> 8);
        out[2] = (unsigned char)length;
        header = 3;
    }
    for (uint32_t i = 0; i < length; i++) {
        out[header + i] = (unsigned char)('a' + Random(random, 26));
    }
    return header + length;
}

static bool ReadNumber(const unsigned char **at, const unsigned char *end, uint32_t *number)
{
    uint32_t bytes = 0;
    if (*at >= end) {
        return false;
    }
    unsigned char first = *(*at)++;
    if (first < 0x80) {
        *number = first;
        return true;
    }
    bytes = first == 0xcc ? 1 : first == 0xcd ? 2 : first == 0xce ? 4 : 0;
    if (bytes == 0 || end - *at < (ptrdiff_t)bytes) {
        return false;
    }
    *number = 0;
    while (bytes-- > 0) {
        *number = *number << 8 | *(*at)++;
    }
    return true;
}

/* Reads {handle, generation} in any order. */
static bool ReadLocation(const IpcMsg *message, uint32_t *handle)
{
    const unsigned char *at = message->data;
    const unsigned char *end = at + message->dataSz;
    uint32_t generation;
    *handle = 0;
    if (at == end || *at++ != 0x82) {
        return false;
    }
    for (int pair = 0; pair < 2; pair++) {
        if (at == end || (*at & 0xe0) != 0xa0 || end - at < 1 + (*at & 0x1f)) {
            return false;
        }
        size_t length = *at++ & 0x1f;
        bool isHandle = length == 6 && memcmp(at, "handle", 6) == 0;
        at += length;
        if (!ReadNumber(&at, end, isHandle ? handle : &generation)) {
            return false;
        }
    }
    return *handle != 0;
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* Makes a call and waits for the reply; `*reply` is valid until the thread's next call. */
static int Call(struct AgentThread *self, uint32_t handle, uint32_t code, const void *data,
                size_t size, const IpcMsg **reply)
{
    IpcMsg request = {.type = MT_REQUEST,
                      .target = {.handle = handle},
                      .code = code,
                      .dataSz = (uint32_t)size,
                      .data = (void *)(uintptr_t)data};
    IpcContent content = {.flag = SEND | RECV, .outMsg = &request, .buffToFree = self->toFree};
    if (self->toFree != NULL) {
        content.flag |= BUFF_FREE;
    }
    self->toFree = NULL;
    uint64_t before = Now();
    int status = LiteIpcIoctl(self->task, IPC_SEND_RECV_MSG, (unsigned long)(uintptr_t)&content);
    uint64_t took = Now() - before;
    if (took > CALL_MAX_NS || status == -ETIME) {
        Report("failed %d call of handle %u took %" PRIu64 " ms and ended with %d\n", getpid(),
               handle, took / 1000000, status);
        ended = true;
    }
    if (status == 0) {
        self->toFree = content.inMsg;
        *reply = content.inMsg;
    }
    return status;
}

/*
 * Returns true for a status that a call may have when other processes are killed. Other statuses
 * are failures.
 */
static bool MayHappen(int status)
{
    return status == -ENOENT || status == -EPIPE || status == -EINVAL || status == -ENODEV ||
           status == -EACCES || (ended && status == -ERFKILL);
}

/*
 * Sends a request to the ServiceManager and retries while there is none. Returns -ENOENT if it
 * refused, or exited during the call.
 */
static int AskManager(struct AgentThread *self, uint32_t code, const struct AgentMessage *message,
                      const IpcMsg **reply)
{
    uint64_t deadline = Now() + ABSENCE_MAX_NS;
    while (!ended) {
        int status = Call(self, CMS_HANDLE, code, message->bytes, message->size, reply);
        if (status == 0 || status == -ENOENT || status == -ENODEV) {
            return status;
        }
        if (!MayHappen(status) || Now() > deadline) {
            Report("failed %d the request to the manager failed: %d\n", getpid(), status);
            return -ECANCELED;
        }
        Pause(2000);
    }
    return -ECANCELED;
}

static int CallOnce(struct AgentThread *self)
{
    static const uint32_t SIZES[] = {1, 10, 31, 32, 200, 256, 900, TEXT_MAX};
    const struct AgentOptions *options = self->agent->options;
    unsigned char data[HEADER_MAX + TEXT_MAX];
    const IpcMsg *reply;
    uint32_t index = Random(&self->random, options->serviceCount);

    if (self->handles[index] == 0) {
        int status = AskManager(self, REGISTRY_LOOKUP, &options->services[index].lookup, &reply);
        if (status == -ENOENT) {
            Pause(500);
            return 0;
        }
        if (status != 0) {
            return status;
        }
        if (!ReadLocation(reply, &self->handles[index])) {
            Report("failed %d lookup of %s: not a location\n", getpid(),
                   options->services[index].name);
            return -ECANCELED;
        }
    }
    size_t size = Encode(data, SIZES[Random(&self->random, 8)], &self->random);
    int status = Call(self, self->handles[index], METHOD_ECHO, data, size, &reply);
    if (status != 0) {
        self->handles[index] = 0;
        if (!MayHappen(status)) {
            Report("failed %d call of %s: %d\n", getpid(), options->services[index].name, status);
            return -ECANCELED;
        }
        return status == -ENODEV ? status : 0;
    }
    if (reply->code != REPLY_RESULT || reply->dataSz != size ||
        memcmp(reply->data, data, size) != 0) {
        Report("failed %d %s answered with code %u and %u bytes instead of %zu\n", getpid(),
               options->services[index].name, reply->code, reply->dataSz, size);
        return -ECANCELED;
    }
    atomic_fetch_add_explicit(&self->agent->answers, 1, memory_order_relaxed);
    return 0;
}

/* ---- devices --------------------------------------------------------------------------------- */

static int ThreadOpen(struct AgentThread *self)
{
    void *address;
    struct LiteIpcDevice *device = self->agent->device;
    int status = LiteIpcThreadCreate(device, &self->thread);
    if (status == 0) {
        status = LiteIpcTaskCreate(self->thread, &self->task);
    }
    if (status == 0) {
        status = LiteIpcOpen(self->task);
    }
    if (status == 0) {
        status =
            LiteIpcMmap(self->task, LiteIpcPoolDefault(device), PROT_READ, MAP_PRIVATE, &address);
        status = status == -EEXIST ? 0 : status; /* the device's other thread was first */
    }
    return status;
}

static void ThreadClose(struct AgentThread *self)
{
    if (self->thread == NULL) {
        return;
    }
    if (self->toFree != NULL) {
        (void)LiteIpcFree(self->thread, self->toFree);
    }
    LiteIpcThreadDestroy(self->thread);
}

/* Attaches a device as soon as a domain exists. */
static int Attach(struct Agent *agent)
{
    uint64_t deadline = Now() + ABSENCE_MAX_NS;
    int status = -ECANCELED;
    while (!ended) {
        struct LiteIpcDevice *device = NULL;
        status = LiteIpcDeviceAttach(agent->options->domain, &device);
        pthread_mutex_lock(&agent->lock);
        agent->device = device;
        pthread_mutex_unlock(&agent->lock);
        if (status == 0 || Now() > deadline) {
            break;
        }
        Pause(3000);
    }
    if (status != 0 && !ended) {
        Report("failed %d no device: %d\n", getpid(), status);
    }
    return status;
}

static void Detach(struct Agent *agent)
{
    pthread_mutex_lock(&agent->lock);
    struct LiteIpcDevice *device = agent->device;
    agent->device = NULL;
    pthread_mutex_unlock(&agent->lock);
    LiteIpcDeviceDetach(device);
}

static void *CallThread(void *argument)
{
    struct AgentThread *self = argument;
    uint32_t calls = self->agent->once ? 1 + Random(&self->random, 8) : UINT32_MAX;
    self->status = ThreadOpen(self);
    while (!ended && self->status == 0 && calls-- > 0) {
        self->status = CallOnce(self);
        if (Random(&self->random, 4) == 0) {
            Pause(Random(&self->random, 2000));
        }
    }
    ThreadClose(self);
    return NULL;
}

/*
 * Attaches a device and calls with `count` threads until it ends. Returns 0 or the reason of its
 * end.
 */
static int CallWithThreads(struct Agent *agent, uint32_t count, uint64_t *random)
{
    struct AgentThread threads[2];
    pthread_t ids[2];
    int status = Attach(agent);
    if (status != 0) {
        return status;
    }
    for (uint32_t i = 0; i < count; i++) {
        threads[i] = (struct AgentThread){.agent = agent, .random = *random + i * 77};
        if (i > 0 && pthread_create(&ids[i], NULL, CallThread, &threads[i]) != 0) {
            abort();
        }
    }
    CallThread(&threads[0]);
    status = threads[0].status;
    for (uint32_t i = 1; i < count; i++) {
        pthread_join(ids[i], NULL);
        status = threads[i].status != 0 ? threads[i].status : status;
    }
    *random = threads[0].random;
    Detach(agent);
    return status;
}

/* Prints the number of answers, and after SIGTERM wakes threads that sleep in the device. */
static void *Watch(void *argument)
{
    struct Agent *agent = argument;
    uint64_t reportedAt = Now();
    while (!ended) {
        Pause(20000);
        if (Now() - reportedAt > NS_PER_SECOND / 2) {
            reportedAt = Now();
            Report("answers %d %" PRIu64 "\n", getpid(),
                   atomic_load_explicit(&agent->answers, memory_order_relaxed));
        }
    }
    pthread_mutex_lock(&agent->lock);
    if (agent->device != NULL) {
        LiteIpcDeviceShutdown(agent->device);
    }
    pthread_mutex_unlock(&agent->lock);
    return NULL;
}

/* Runs `body` until SIGTERM, then checks that no descriptor remains open. */
static int Run(const struct AgentOptions *options, bool once,
               int (*body)(struct Agent *, uint64_t *))
{
    static struct Agent agent;
    struct sigaction action = {.sa_handler = OnTerminate};
    uint64_t random = options->seed | 1;
    pthread_t watcher;
    int status = 0;
    size_t before = DescriptorCount();

    sigset_t none;
    sigemptyset(&none);
    sigaction(SIGTERM, &action, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    agent = (struct Agent){.options = options, .lock = PTHREAD_MUTEX_INITIALIZER, .once = once};
    if (pthread_create(&watcher, NULL, Watch, &agent) != 0) {
        abort();
    }
    while (!ended && (status == 0 || status == -ENODEV)) {
        status = body(&agent, &random);
        if (status != 0 && status != -ENODEV && status != -ECANCELED && !ended) {
            Report("failed %d a device could not be set up: %d\n", getpid(), status);
        }
    }
    bool isEnded = ended;
    ended = true;
    pthread_join(watcher, NULL);
    size_t after = DescriptorCount();
    if (after != before) {
        Report("failed %d %zu descriptors at the start, %zu at the end\n", getpid(), before, after);
        return 1;
    }
    return isEnded ? 0 : 1;
}

static int CallBody(struct Agent *agent, uint64_t *random)
{
    return CallWithThreads(agent, 1 + Random(random, 2), random);
}

int AgentCall(const struct AgentOptions *options)
{
    return Run(options, false, CallBody);
}

int AgentFlicker(const struct AgentOptions *options)
{
    return Run(options, true, CallBody);
}

/* ---- service --------------------------------------------------------------------------------- */

static int Answer(struct AgentThread *self)
{
    IpcContent content = {.flag = RECV};
    int status = LiteIpcIoctl(self->task, IPC_SEND_RECV_MSG, (unsigned long)(uintptr_t)&content);
    if (status != 0) {
        return status;
    }
    const IpcMsg *request = content.inMsg;
    IpcMsg reply = {.type = MT_REPLY,
                    .target = {.handle = request->taskID, .cookie = request->target.cookie},
                    .timestamp = request->timestamp,
                    .dataSz = request->dataSz,
                    .data = request->data};
    content = (IpcContent){.flag = BUFF_FREE, .buffToFree = content.inMsg};
    if (request->type == MT_REQUEST && request->flag == LITEIPC_FLAG_DEFAULT) {
        content.flag |= SEND;
        content.outMsg = &reply;
    }
    status = LiteIpcIoctl(self->task, IPC_SEND_RECV_MSG, (unsigned long)(uintptr_t)&content);
    atomic_fetch_add_explicit(&self->agent->answers, 1, memory_order_relaxed);
    /* The caller may have exited, timed out, or have no room for answers. */
    return status == -ENODEV ? status : 0;
}

static int ServeBody(struct Agent *agent, uint64_t *random)
{
    struct AgentThread self = {.agent = agent, .random = *random};
    const struct AgentService *service = &agent->options->services[agent->options->serve];
    const IpcMsg *reply;
    int status = Attach(agent);
    if (status != 0) {
        return status;
    }
    status = ThreadOpen(&self);
    if (status == 0) {
        uint64_t deadline = Now() + ABSENCE_MAX_NS;
        /* -ENOENT: the previous owner of the name has not been removed yet. */
        while ((status = AskManager(&self, REGISTRY_REGISTER, &service->registration, &reply)) ==
                   -ENOENT &&
               Now() < deadline && !ended) {
            Pause(3000);
        }
        if (status == -ENOENT && !ended) {
            Report("failed %d the registration of %s is refused\n", getpid(), service->name);
            status = -ECANCELED;
        }
    }
    while (!ended && status == 0) {
        status = Answer(&self);
        status = status == -EINTR ? 0 : status;
    }
    ThreadClose(&self);
    Detach(agent);
    return status;
}

int AgentServe(const struct AgentOptions *options)
{
    return Run(options, false, ServeBody);
}
