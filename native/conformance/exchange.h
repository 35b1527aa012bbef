/*
 * Defines the messages between the director of a scenario and the workers that play its processes.
 * They use one pair of pipes per process. Both ends are the same program on the same machine, so
 * structures are sent as they are.
 *
 *   director -> worker   struct Order, then the environment (EnvironmentCount values of 64 bits)
 *   worker -> director   struct Report, then `blobSize` bytes: see snapshot.h
 *
 * The end of a pipe is a message as well: the director ends a worker by closing the pipe to it, and
 * it recognises the end of a process by the end of the pipe from it.
 */
#ifndef CONFORMANCE_EXCHANGE_H
#define CONFORMANCE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conformance/table.h"

enum OrderKind {
    ORDER_STEP, /* the task of `step` performs it */
    ORDER_REAP, /* wait for the end of the child `child` */
};

struct Order {
    enum OrderKind kind;
    uint32_t step;
    uint64_t toFree; /* address */
    int64_t child;   /* pid */
};

enum ReportKind {
    REPORT_READY,  /* task `task` is ready: taskID, processID, child = the process's pid */
    REPORT_BROKEN, /* a task could not be made: `result` */
    REPORT_DONE,   /* step `step` is over */
    REPORT_ASLEEP, /* step `step` waits inside the device */
    REPORT_REAPED, /* the child has ended */
};

struct Report {
    enum ReportKind kind;
    uint32_t step, task;
    uint32_t taskID, processID;
    int32_t result;        /* the result of the device, or a negative errno */
    bool isSkipped;        /* the platform cannot check this; `result` is undefined */
    bool hasMessage;       /* `blob` is the snapshot of a message that was received at `address` */
    uint32_t value;        /* cmsCmd: the handle; version: the driver version */
    uint64_t address;      /* address of the received message in the worker's process */
    uint64_t nodes, bytes; /* use of the pool */
    int64_t child;         /* fork: its pid */
    uint32_t blobSize;
};

/*
 * The values that references stand for while a scenario runs: one array with the IDs of tasks and
 * processes, the saved handles and the timestamps of saved messages, in this order.
 */
size_t EnvironmentCount(const struct Scenario *scenario);
uint64_t *EnvironmentTask(const struct Scenario *scenario, uint64_t *environment, uint32_t task);
uint64_t *EnvironmentProcess(const struct Scenario *scenario, uint64_t *environment,
                             uint32_t process);
uint64_t *EnvironmentHandle(const struct Scenario *scenario, uint64_t *environment,
                            uint32_t handle);
uint64_t *EnvironmentTimestamp(const struct Scenario *scenario, uint64_t *environment,
                               uint32_t message);
uint64_t EnvironmentValue(const struct Scenario *scenario, const uint64_t *environment,
                          const struct Value *value);

/*
 * Transfers all `size` bytes and resumes interrupted calls. Returns 0, -EPIPE at the end of the
 * pipe, or a negative errno.
 */
int ReadAll(int descriptor, void *bytes, size_t size);
int WriteAll(int descriptor, const void *bytes, size_t size);

uint64_t NowMs(void);
void SleepUs(unsigned long us);

#endif
