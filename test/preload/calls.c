/*
 * Runs a ServiceManager, a service and two clients, each in a process: calls NUMBER
 *
 * Each client makes NUMBER calls of 1 KiB and NUMBER of 6,000 bytes. The service returns the data
 * with every byte changed and counts the calls. At the end all pools must be empty.
 */
#include "support/device.h"

#include <time.h>

#define SERVICE     1
#define CODE_CHANGE 10
#define CODE_COUNT  11
#define LARGE       6000

static void Fill(unsigned char *data, uint32_t size, uint32_t seed)
{
    uint32_t state = seed * 2654435761U + size;
    for (uint32_t i = 0; i < size; i++) {
        state = state * 1103515245U + 12345U;
        data[i] = (unsigned char)(state >> 16);
    }
}

static void Serve(void)
{
    static unsigned char answer[LARGE];
    uint32_t served = 0;
    int device = DeviceReady();
    CHECK(Register(device, SERVICE) > 0);
    for (;;) {
        IpcMsg *request;
        CHECK(Receive(device, &request) == 0);
        CHECK(request->type == MT_REQUEST && request->spObjNum == 0);
        if (request->code == CODE_COUNT) {
            CHECK(Reply(device, request, MT_REPLY, &served, sizeof(served)) == 0);
            exit(0);
        }
        CHECK(request->code == CODE_CHANGE && request->dataSz <= sizeof(answer));
        const unsigned char *data = request->data;
        for (uint32_t i = 0; i < request->dataSz; i++) {
            answer[i] = data[i] ^ 0x5A;
        }
        served++;
        CHECK(Reply(device, request, MT_REPLY, answer, request->dataSz) == 0);
    }
}

static void CallMany(uint32_t client, uint32_t number, uint32_t size)
{
    static unsigned char data[LARGE];
    int device = DeviceOpenOnly();
    uint32_t handle = Lookup(device, SERVICE);
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (uint32_t i = 0; i < number; i++) {
        IpcMsg *reply;
        Fill(data, size, client * number + i);
        IpcMsg request = Request(handle, CODE_CHANGE, data, size);
        CHECK(Call(device, &request, &reply) == 0);
        CHECK(reply->type == MT_REPLY && reply->dataSz == size && reply->timestamp > 0);
        const unsigned char *answer = reply->data;
        for (uint32_t k = 0; k < size; k++) {
            CHECK(answer[k] == (data[k] ^ 0x5A));
        }
        CHECK(Free(device, reply) == 0);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    double us =
        (double)(end.tv_sec - start.tv_sec) * 1e6 + (double)(end.tv_nsec - start.tv_nsec) / 1e3;
    printf("client %u: %u calls of %u bytes, %.2f us each\n", client, number, size, us / number);
    fflush(stdout);
}

static pid_t Child(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    return child;
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    uint32_t number = (uint32_t)strtoul(arguments[1], NULL, 10);
    CHECK(number > 0);
    pid_t manager = StartManager();
    pid_t service = Child();
    if (service == 0) {
        Serve();
    }
    pid_t clients[2];
    for (uint32_t i = 0; i < 2; i++) {
        clients[i] = Child();
        if (clients[i] == 0) {
            CHECK(DeviceReady() >= 0);
            CallMany(i, number, 1024);
            CallMany(i, number, LARGE);
            exit(0);
        }
    }
    Await(clients[0]);
    Await(clients[1]);
    int device = DeviceReady();
    CHECK(Ask(device, Lookup(device, SERVICE), CODE_COUNT, 0) == 4 * number);
    Await(service);
    StopManager(device, manager);
    printf("ok\n");
    return 0;
}
