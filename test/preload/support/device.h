/*
 * Provides helpers for the programs of this folder: opening the device, calling, serving, and a
 * ServiceManager that registers and finds one service by number. Uses only open, mmap and ioctl.
 *
 * A program that is compiled with OWN_ABI uses its own copy of the kernel's declarations.
 */
#ifndef DEVICE_H
#define DEVICE_H

#ifdef OWN_ABI
#include "own_abi.h"
#else
#include "liteipc/hm_liteipc.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Exits the program with the location and the failed condition. Works with assertions off, and in
 * children.
 */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: pid %d: %s (errno %d, %s)\n", __FILE__, __LINE__,              \
                    (int)getpid(), #condition, errno, strerror(errno));                            \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)
/* Checks that the expression is -1 with this errno. */
#define CHECK_ERRNO(expression, error)                                                             \
    do {                                                                                           \
        errno = 0;                                                                                 \
        long result_ = (long)(expression);                                                         \
        int error_ = errno;                                                                        \
        if (result_ != -1 || error_ != (error)) {                                                  \
            fprintf(stderr, "%s:%d: pid %d: %s is %ld, errno %d (%s), not %s\n", __FILE__,         \
                    __LINE__, (int)getpid(), #expression, result_, error_, strerror(error_),       \
                    #error);                                                                       \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#ifdef EMULATED
#include <pthread.h>

static void *SleepForEver(void *argument)
{
    for (;;) {
        pause();
    }
    return argument;
}

/*
 * qemu-user omits the guest's memory barriers while a program has only one thread, also if it
 * shares memory with other processes (fixed in version 8).
 */
__attribute__((constructor)) static void HaveTwoThreads(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, SleepForEver, NULL) == 0);
}

/* qemu-user does not pass on commands that it does not know. */
#define IOCTL_ERROR(error) ENOSYS
#else
/* The OS's error for a command of this device on another file. */
#define IOCTL_ERROR(error) (error)
#endif

#define POOL_SIZE (64 * 1024)

/*
 * Codes that the ServiceManager of these programs supports. The data of both is a service's number,
 * uint32_t.
 */
enum { MANAGER_REGISTER = 1, MANAGER_LOOKUP = 2, MANAGER_STOP = 3 };
#define SERVICES_MAX 8

static inline int DeviceOpenOnly(void)
{
    int device = open(LITEIPC_DRIVER, O_RDWR);
    CHECK(device >= 0);
    return device;
}

static inline int DeviceReady(void)
{
    int device = DeviceOpenOnly();
    void *pool = mmap(NULL, POOL_SIZE, PROT_READ, MAP_PRIVATE, device, 0);
    CHECK(pool != MAP_FAILED);
    return device;
}

static inline IpcMsg Request(uint32_t handle, uint32_t code, const void *data, uint32_t size)
{
    IpcMsg msg = {
        .type = MT_REQUEST, .code = code, .dataSz = size, .data = (void *)(uintptr_t)data};
    msg.target.handle = handle;
    return msg;
}

/* Returns 0 with *reply, which the caller frees, or -1 with errno. */
static inline int Call(int device, IpcMsg *request, IpcMsg **reply)
{
    IpcContent content = {.flag = SEND | RECV, .outMsg = request};
    int status = ioctl(device, IPC_SEND_RECV_MSG, &content);
    *reply = status == 0 ? content.inMsg : NULL;
    return status;
}

static inline int Send(int device, IpcMsg *msg)
{
    IpcContent content = {.flag = SEND, .outMsg = msg};
    return ioctl(device, IPC_SEND_RECV_MSG, &content);
}

static inline int Receive(int device, IpcMsg **msg)
{
    IpcContent content = {.flag = RECV};
    int status = ioctl(device, IPC_SEND_RECV_MSG, &content);
    *msg = status == 0 ? content.inMsg : NULL;
    return status;
}

static inline int Free(int device, void *buffer)
{
    IpcContent content = {.flag = BUFF_FREE, .buffToFree = buffer};
    return ioctl(device, IPC_SEND_RECV_MSG, &content);
}

static inline int Reply(int device, IpcMsg *request, MsgType type, const void *data, uint32_t size)
{
    IpcMsg msg = Request(request->taskID, request->code, data, size);
    msg.type = type;
    msg.timestamp = request->timestamp;
    IpcContent content = {.flag = SEND | BUFF_FREE, .outMsg = &msg, .buffToFree = request};
    return ioctl(device, IPC_SEND_RECV_MSG, &content);
}

/* Sends a request whose answer is a uint32_t; exits the program if there is no answer. */
static inline uint32_t Ask(int device, uint32_t handle, uint32_t code, uint32_t value)
{
    IpcMsg *reply;
    IpcMsg request = Request(handle, code, &value, sizeof(value));
    CHECK(Call(device, &request, &reply) == 0);
    CHECK(reply->type == MT_REPLY && reply->dataSz == sizeof(value));
    memcpy(&value, reply->data, sizeof(value));
    CHECK(Free(device, reply) == 0);
    return value;
}

static inline void BecomeManager(int device)
{
    CHECK(ioctl(device, IPC_SET_CMS, 4096UL) == 0);
}

/*
 * Serves as the ServiceManager until a client sends MANAGER_STOP. Answers the lookup of an
 * unregistered service with 0.
 */
static inline void RunManager(int device)
{
    uint32_t services[SERVICES_MAX] = {0};
    for (;;) {
        IpcMsg *request;
        CHECK(Receive(device, &request) == 0);
        if (request->type != MT_REQUEST) {
            CHECK(Free(device, request) == 0);
            continue;
        }
        uint32_t number, answer = 0;
        CHECK(request->dataSz == sizeof(number));
        memcpy(&number, request->data, sizeof(number));
        CHECK(number < SERVICES_MAX);
        CmsCmdContent command = {.taskID = request->taskID};
        switch (request->code) {
            case MANAGER_REGISTER:
                command.cmd = CMS_GEN_HANDLE;
                CHECK(ioctl(device, IPC_CMS_CMD, &command) == 0);
                services[number] = answer = command.serviceHandle;
                break;
            case MANAGER_LOOKUP:
                answer = services[number];
                if (answer != 0) {
                    command.cmd = CMS_ADD_ACCESS;
                    command.serviceHandle = answer;
                    CHECK(ioctl(device, IPC_CMS_CMD, &command) == 0);
                }
                break;
            default:
                CHECK(request->code == MANAGER_STOP);
                CHECK(Reply(device, request, MT_REPLY, &answer, sizeof(answer)) == 0);
                return;
        }
        CHECK(Reply(device, request, MT_REPLY, &answer, sizeof(answer)) == 0);
    }
}

/* Waits until the service is registered and returns its handle. */
static inline uint32_t Lookup(int device, uint32_t number)
{
    uint32_t handle;
    for (int tries = 0; (handle = Ask(device, 0, MANAGER_LOOKUP, number)) == 0; tries++) {
        CHECK(tries < 30000);
        usleep(1000);
    }
    return handle;
}

static inline uint32_t Register(int device, uint32_t number)
{
    return Ask(device, 0, MANAGER_REGISTER, number);
}

/* Starts a ServiceManager in a child, waits until it has the role, and returns its pid. */
static inline pid_t StartManager(void)
{
    int ready[2];
    char byte;
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(ready[0]);
        int device = DeviceReady();
        BecomeManager(device);
        CHECK(write(ready[1], "r", 1) == 1);
        close(ready[1]);
        RunManager(device);
        exit(0);
    }
    close(ready[1]);
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    return child;
}

/* Waits for the child, which must exit with status 0. */
static inline void Await(pid_t child)
{
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static inline void StopManager(int device, pid_t manager)
{
    (void)Ask(device, 0, MANAGER_STOP, 0);
    Await(manager);
}

#endif
