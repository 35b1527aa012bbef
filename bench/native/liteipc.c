/*
 * Measures LiteIPC between two processes through its embedding API, with a ServiceManager in a
 * third process. Every message takes the complete path: access check, validation, allocation in the
 * pool, copy, delivery, free.
 *
 * round-trip:  the client sends a request; the service receives it and replies with the same bytes,
 *              which frees the request; the client receives, checks and frees the reply.
 * one-way:     the client sends one-way requests and retries while its share of the service's pool
 *              is used up; the service receives, checks and frees them. The service measures the
 *              rate.
 *
 * Options of this program:
 *   --spin NS         longest wait before sleeping, at both ends (default: the core's adaptive
 *                     wait)
 *   --pool BYTES      pool size of each process (default 262144)
 *   --messages N      one-way: number of messages, instead of a duration; there is no warm-up
 *   --domain NAME     name of the domain (default: a unique name)
 *   --role all        all processes (default)
 *          host       the manager and the service; exits with the service
 *          client     only the client, to observe its system calls, see bench/syscalls
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/pair.h"
#include "support/report.h"
#include "support/session.h"

#define DEFAULT_POOL_BYTES 262144
#define MIN_POOL_BYTES     4096
#define MAX_POOL_BYTES     67108864
#define DOMAIN_NAME_BYTES  108
#define MAX_SPIN_NS        1000000000
#define MAX_MESSAGES       UINT64_C(1000000000000)

enum ServiceCode {
    SERVICE_MESSAGE = 1,
    SERVICE_STOP = 2, /* the last message; it is answered, so the client exits after the service */
};

enum Role {
    ROLE_ALL,
    ROLE_HOST,
    ROLE_CLIENT,
};

struct LiteIpcBench {
    char domain[DOMAIN_NAME_BYTES];
    enum Role role;
    uint64_t poolBytes;
    uint64_t spinNs;   /* UINT64_MAX: the default */
    uint64_t messages; /* 0: run for the time in the options */
};

static volatile int managerStopped;

static void StopManager(int signalNumber)
{
    (void)signalNumber;
    managerStopped = 1;
}

static int Manager(void *context, const struct BenchOptions *options)
{
    const struct LiteIpcBench *bench = context;

    (void)options;
    /* The watchdog sends SIGALRM. A manager that is killed leaves its socket behind. */
    signal(SIGTERM, StopManager);
    signal(SIGALRM, StopManager);
    return ManagerRun(bench->domain, &managerStopped);
}

/* Replies with the data of the request. The reply frees the request. */
static int Echo(struct Session *session, const IpcMsg *request)
{
    struct LiteIpcOutgoing out = {.data = request->data, .dataSz = request->dataSz};
    int status = LiteIpcSendReply(session->task, request, &out);

    while (status == -EINPROGRESS) {
        status = SessionAwaitLane(session);
        if (status == 0) {
            status = LiteIpcSendReply(session->task, request, &out);
        }
    }
    return status;
}

/* Handles one message. Returns 1 after the last message, 0 after others, or a negative errno. */
static int ServeMessage(struct Session *session, const struct BenchOptions *options,
                        const IpcMsg *message, uint64_t *number)
{
    uint64_t got = 0;

    if (message->code == SERVICE_STOP) {
        int status = Echo(session, message);
        return status == 0 ? 1 : status;
    }
    if (message->dataSz != options->bytes) {
        return -EBADMSG;
    }
    memcpy(&got, message->data, sizeof(got));
    *number += 1;
    if (got != *number) {
        return -EBADMSG;
    }
    return options->measure == BENCH_ONE_WAY ? LiteIpcFree(session->thread, message)
                                             : Echo(session, message);
}

static int Serve(struct Session *session, const struct BenchOptions *options)
{
    static struct RateMeter meter;
    uint64_t number = 0;

    RateMeterStart(&meter, options);
    for (;;) {
        int count = SessionReceive(session, -1);
        uint32_t messages = 0;
        for (int index = 0; index < count; index++) {
            const struct LiteIpcEvent *event = &session->events[index];
            if (event->kind == LITEIPC_EVENT_LOST) {
                return -ENODEV;
            }
            if (event->kind != LITEIPC_EVENT_MESSAGE) {
                continue;
            }
            int status = ServeMessage(session, options, event->message, &number);
            if (status == 1) {
                return options->measure == BENCH_ONE_WAY ? RateReport(&meter, "liteipc", options)
                                                         : 0;
            }
            if (status != 0) {
                return status;
            }
            messages++;
        }
        if (count < 0) {
            return count;
        }
        RateMeterArrived(&meter, messages);
    }
}

static int Service(void *context, const struct BenchOptions *options)
{
    const struct LiteIpcBench *bench = context;
    struct Session session;

    int status = SessionOpen(&session, bench->domain, (size_t)bench->poolBytes, bench->spinNs);
    if (status != 0) {
        return status;
    }
    status = SessionRegister(&session);
    if (status == 0) {
        status = Serve(&session, options);
    }
    SessionClose(&session);
    return status;
}

static int Ask(struct Session *session, uint32_t handle, const struct BenchOptions *options)
{
    static struct RoundTripMeter meter;
    char data[BENCH_MAX_BYTES] = {0};
    uint64_t number = 0;
    struct LiteIpcOutgoing out = {
        .handle = handle,
        .code = SERVICE_MESSAGE,
        .data = data,
        .dataSz = (uint32_t)options->bytes,
    };

    RoundTripMeterStart(&meter, options);
    do {
        const IpcMsg *reply = NULL;
        uint64_t answered = 0;
        number++;
        memcpy(data, &number, sizeof(number));
        int status = SessionCall(session, &out, &reply);
        if (status != 0) {
            return status;
        }
        if (reply->dataSz == options->bytes) {
            memcpy(&answered, reply->data, sizeof(answered));
        }
        status = LiteIpcFree(session->thread, reply);
        if (status != 0 || answered != number) {
            return status != 0 ? status : -EBADMSG;
        }
    } while (RoundTripMeterStep(&meter));
    return RoundTripReport(&meter, "liteipc", options);
}

static int Produce(struct Session *session, uint32_t handle, uint64_t messages,
                   const struct BenchOptions *options)
{
    char data[BENCH_MAX_BYTES] = {0};
    uint64_t endNs = ClockNs() + options->warmUpNs + options->measureNs;
    uint64_t number = 0;
    bool more = true;
    struct LiteIpcOutgoing out = {
        .handle = handle,
        .code = SERVICE_MESSAGE,
        .flag = LITEIPC_FLAG_ONEWAY,
        .data = data,
        .dataSz = (uint32_t)options->bytes,
    };

    while (more) {
        number++;
        memcpy(data, &number, sizeof(number));
        int status = SessionSend(session, &out);
        if (status != 0) {
            return status;
        }
        if (messages != 0) {
            more = number < messages;
        } else if (number % BENCH_RATE_BLOCK == 0) {
            more = ClockNs() < endNs;
        }
    }
    return 0;
}

/* Asks the service to exit and waits for its answer, which is its last message. */
static int Stop(struct Session *session, uint32_t handle)
{
    struct LiteIpcOutgoing out = {.handle = handle, .code = SERVICE_STOP};
    const IpcMsg *reply = NULL;
    int status = SessionCall(session, &out, &reply);

    return status == 0 ? LiteIpcFree(session->thread, reply) : status;
}

static int Client(void *context, const struct BenchOptions *options)
{
    const struct LiteIpcBench *bench = context;
    struct Session session;
    uint32_t handle = 0;

    int status = SessionOpen(&session, bench->domain, (size_t)bench->poolBytes, bench->spinNs);
    if (status != 0) {
        return status;
    }
    status = SessionLookUp(&session, &handle);
    if (status == 0) {
        status = options->measure == BENCH_ROUND_TRIP
                     ? Ask(&session, handle, options)
                     : Produce(&session, handle, bench->messages, options);
    }
    if (status == 0) {
        status = Stop(&session, handle);
    }
    SessionClose(&session);
    return status;
}

/* Ends the running processes and returns the first error. A pid of 0 was not started. */
static int Finish(int manager, int service, int client)
{
    int status = client > 0 ? BenchWait(client) : client;

    if (status != 0 && service > 0) {
        kill(service, SIGKILL);
    }
    int serviceStatus = service > 0 ? BenchWait(service) : service;
    if (manager > 0) {
        kill(manager, SIGTERM);
    }
    int managerStatus = manager > 0 ? BenchWait(manager) : manager;
    status = status != 0 ? status : serviceStatus;
    return status != 0 ? status : managerStatus;
}

static int Run(struct LiteIpcBench *bench, const struct BenchOptions *options)
{
    if (bench->role == ROLE_CLIENT) {
        BenchArmWatchdog(options);
        int status = BenchPin(options->clientCpu);
        return status != 0 ? status : Client(bench, options);
    }
    int manager = BenchFork("manager", Manager, BENCH_CPU_ANY, bench, options);
    int service =
        manager < 0 ? 0 : BenchFork("service", Service, options->serverCpu, bench, options);
    int client = 0;
    if (service > 0 && bench->role == ROLE_ALL) {
        client = BenchFork("client", Client, options->clientCpu, bench, options);
    }
    return Finish(manager, service, client);
}

static bool OwnOption(void *context, const char *name, const char *value)
{
    struct LiteIpcBench *bench = context;

    if (strcmp(name, "--spin") == 0) {
        return BenchParseNumber(value, 0, MAX_SPIN_NS, &bench->spinNs);
    }
    if (strcmp(name, "--pool") == 0) {
        return BenchParseNumber(value, MIN_POOL_BYTES, MAX_POOL_BYTES, &bench->poolBytes);
    }
    if (strcmp(name, "--messages") == 0) {
        return BenchParseNumber(value, 1, MAX_MESSAGES, &bench->messages);
    }
    if (strcmp(name, "--domain") == 0 && strlen(value) < sizeof(bench->domain)) {
        snprintf(bench->domain, sizeof(bench->domain), "%s", value);
        return true;
    }
    if (strcmp(name, "--role") == 0) {
        const char *names[] = {"all", "host", "client"};
        for (int role = ROLE_ALL; role <= ROLE_CLIENT; role++) {
            if (strcmp(value, names[role]) == 0) {
                bench->role = (enum Role)role;
                return true;
            }
        }
    }
    return false;
}

int main(int argumentCount, char **arguments)
{
    struct BenchOptions options;
    struct LiteIpcBench bench = {.poolBytes = DEFAULT_POOL_BYTES, .spinNs = UINT64_MAX};

    snprintf(bench.domain, sizeof(bench.domain), "bench-%d", (int)getpid());
    if (BenchOptionsParse(&options, argumentCount, arguments, OwnOption, &bench) != 0) {
        return EXIT_FAILURE;
    }
    if (bench.messages != 0) {
        options.warmUpNs = 0;
    }
    int status = Run(&bench, &options);
    if (status != 0) {
        fprintf(stderr, "liteipc: %s\n", strerror(-status));
    }
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
