/*
 * Implements the platform on which each process of a scenario is a device of this OS process. It
 * uses the core itself, without /dev/lite_ipc, and a domain in a private folder.
 */
#ifndef CONFORMANCE_EMBEDDED_H
#define CONFORMANCE_EMBEDDED_H

#include "conformance/worker.h"

struct Embedded;

extern const struct Platform EMBEDDED_PLATFORM;

/*
 * Starts a domain with the kernel's limits, which is `own` for Run. Returns 0 or a negative errno.
 */
int EmbeddedCreate(struct Embedded **embedded);
/* Ends the domain and removes its folder. No scenario may be running. */
void EmbeddedFree(struct Embedded *embedded);
/* Removes only the folder. Used before the program ends early. Any thread. */
void EmbeddedRemoveFolder(const struct Embedded *embedded);

#endif
