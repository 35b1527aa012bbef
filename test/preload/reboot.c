/*
 * Tests the end of the domain while a program waits in it: prints "waiting", then "lost", waits for
 * the next domain, and uses that one. A held message of the first domain can be read until then.
 */
#include <pthread.h>

#include "support/device.h"

static int device;

static void *Wait(void *argument)
{
    IpcMsg *msg;
    CHECK_ERRNO(Receive(device, &msg), ENODEV);
    CHECK_ERRNO(Receive(device, &msg), ENODEV);
    return argument;
}

static IpcMsg *MessageToMyself(void)
{
    IpcMsg *msg;
    uint32_t self = (uint32_t)ioctl(device, IPC_SET_IPC_THREAD, 0);
    IpcMsg request = Request(self, 3, "hello", 5);
    CHECK(Send(device, &request) == 0);
    CHECK(Receive(device, &msg) == 0 && msg->code == 3);
    return msg;
}

int main(void)
{
    pthread_t waiter;
    IpcVersion version;
    int next = -1;
    device = DeviceReady();
    BecomeManager(device);
    IpcMsg *stored = MessageToMyself();
    CHECK(pthread_create(&waiter, NULL, Wait, NULL) == 0);
    printf("waiting\n");
    fflush(stdout);
    CHECK(pthread_join(waiter, NULL) == 0);
    CHECK(memcmp(stored->data, "hello", 5) == 0);
    /* The sockets of a killed domain close one after another: the waiter may notice it first. */
    for (int tries = 0; (next = open(LITEIPC_DRIVER, O_RDWR)) >= 0; tries++) {
        CHECK(tries < 5000 && close(next) == 0);
        usleep(2000);
    }
    CHECK(errno == ENODEV);
    CHECK(ioctl(device, IPC_GET_VERSION, &version) == 0 || errno == ENODEV);
    printf("lost\n");
    fflush(stdout);
    for (int tries = 0; next < 0; tries++) {
        CHECK(tries < 30000);
        usleep(2000);
        next = open(LITEIPC_DRIVER, O_RDWR);
    }
    /*
     * A new process of a new domain: nothing is mapped, and the old descriptor is equivalent to the
     * new one.
     */
    CHECK_ERRNO(ioctl(next, IPC_GET_VERSION, &version), ENOMEM);
    CHECK_ERRNO(ioctl(device, IPC_GET_VERSION, &version), ENOMEM);
    CHECK(memcmp(stored->data, "hello", 5) == 0);
    CHECK(mmap(NULL, POOL_SIZE, PROT_READ, MAP_PRIVATE, next, 0) != MAP_FAILED);
    CHECK(Free(device, stored) == -1);
    BecomeManager(next);
    CHECK(Free(device, MessageToMyself()) == 0);
    printf("ok\n");
    return 0;
}
