/*
 * Runs a client without the TypeScript layer: executes device operations on request, as another
 * user.
 *   bypass UID    becomes this user and group, opens the device, and reads commands, one per line:
 *     send HANDLE CODE TOKEN COOKIE FLAG TIMES HEX
 *                               sends TIMES requests with these bytes ("-": none)
 *     pass HANDLE SERVICE       sends a request that carries a service
 *     add TASK HANDLE           CMS_ADD_ACCESS
 *     make TASK                 CMS_GEN_HANDLE
 *     manage                    IPC_SET_CMS
 * Prints one line per command: number of successes, number of failures, last errno, data of the
 * last reply in hexadecimal ("-": none).
 */
#include "support/device.h"

#include <grp.h>

#define DATA_MAX 6144

struct Outcome {
    uint32_t done, failed;
    int error;
    uint32_t replySize;
    unsigned char reply[DATA_MAX];
};

static unsigned char data[DATA_MAX];
static uint32_t dataSize;

static void ReadHex(const char *hex)
{
    dataSize = 0;
    for (unsigned byte; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
        CHECK(dataSize < DATA_MAX);
        data[dataSize++] = (unsigned char)byte;
    }
}

static void Count(struct Outcome *outcome, int status)
{
    if (status < 0) {
        outcome->failed++;
        outcome->error = errno;
    } else {
        outcome->done++;
    }
}

static void SendMany(int device, IpcMsg *request, uint32_t times, struct Outcome *outcome)
{
    for (uint32_t i = 0; i < times; i++) {
        if (request->flag == LITEIPC_FLAG_ONEWAY) {
            Count(outcome, Send(device, request));
            continue;
        }
        IpcMsg *reply;
        int status = Call(device, request, &reply);
        Count(outcome, status);
        if (status == 0) {
            outcome->replySize = reply->dataSz < DATA_MAX ? reply->dataSz : DATA_MAX;
            memcpy(outcome->reply, reply->data, outcome->replySize);
            CHECK(Free(device, reply) == 0);
        }
    }
}

static void OrderSend(int device, const char *line, struct Outcome *outcome)
{
    IpcMsg request = Request(0, 0, data, 0);
    uint32_t times;
    static char hex[2 * DATA_MAX + 2];
    CHECK(sscanf(line, "send %u %u %u %u %u %u %12289s", &request.target.handle, &request.code,
                 &request.target.token, &request.target.cookie, &request.flag, &times, hex) == 7);
    ReadHex(hex);
    request.dataSz = dataSize;
    SendMany(device, &request, times, outcome);
}

static void OrderPass(int device, const char *line, struct Outcome *outcome)
{
    SpecialObj object = {.type = OBJ_SVC};
    uint32_t handle, offset = 0;
    CHECK(sscanf(line, "pass %u %u", &handle, &object.content.svc.handle) == 2);
    IpcMsg request = Request(handle, 0, &object, sizeof(object));
    request.spObjNum = 1;
    request.offsets = &offset;
    SendMany(device, &request, 1, outcome);
}

static void OrderCommand(int device, const char *line, struct Outcome *outcome)
{
    CmsCmdContent command = {.cmd = CMS_GEN_HANDLE};
    if (sscanf(line, "add %u %u", &command.taskID, &command.serviceHandle) == 2) {
        command.cmd = CMS_ADD_ACCESS;
    } else {
        CHECK(sscanf(line, "make %u", &command.taskID) == 1);
    }
    Count(outcome, ioctl(device, IPC_CMS_CMD, &command));
}

static void Obey(int device, const char *line)
{
    static struct Outcome outcome;
    memset(&outcome, 0, sizeof(outcome));
    if (strncmp(line, "send", 4) == 0) {
        OrderSend(device, line, &outcome);
    } else if (strncmp(line, "pass", 4) == 0) {
        OrderPass(device, line, &outcome);
    } else if (strncmp(line, "manage", 6) == 0) {
        Count(&outcome, ioctl(device, IPC_SET_CMS, 4096UL));
    } else {
        OrderCommand(device, line, &outcome);
    }
    printf("%u %u %d ", outcome.done, outcome.failed, outcome.error);
    for (uint32_t i = 0; i < outcome.replySize; i++) {
        printf("%02x", outcome.reply[i]);
    }
    printf("%s\n", outcome.replySize == 0 ? "-" : "");
    fflush(stdout);
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    uint32_t user = (uint32_t)strtoul(arguments[1], NULL, 10);
    CHECK(setgroups(0, NULL) == 0 && setgid(user) == 0 && setuid(user) == 0);
    CHECK(getuid() == user && geteuid() == user && setuid(0) == -1);
    int device = DeviceReady();
    static char line[2 * DATA_MAX + 256];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        Obey(device, line);
    }
    return 0;
}
