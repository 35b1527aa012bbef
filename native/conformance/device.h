/*
 * Implements the platform on which each process of a scenario is an OS process that uses only the
 * device: open, mmap, ioctl and close. It needs no code of this project, so it runs on every system
 * with a /dev/lite_ipc: on a LiteOS-A board, or under the shim for Linux programs.
 *
 * Under the shim, IDs and the pool's use come from functions that the shim exports. A kernel has no
 * such functions, and its task IDs are the system's thread IDs.
 */
#ifndef CONFORMANCE_DEVICE_H
#define CONFORMANCE_DEVICE_H

#include "conformance/worker.h"

extern const struct Platform DEVICE_PLATFORM;

/* `own` for Run. */
struct DevicePath {
    const char *path;
};

#endif
