/*
 * The platform on which processes are devices of this OS process: the core itself, without
 * /dev/lite_ipc. It has a domain of its own, in a private folder.
 */
#ifndef CONFORMANCE_EMBEDDED_H
#define CONFORMANCE_EMBEDDED_H

#include "conformance/worker.h"

struct Embedded;

extern const struct Platform EMBEDDED_PLATFORM;

/* Starts a domain with the kernel's limits. `own` for Run. 0 or a negative errno. */
int EmbeddedCreate(struct Embedded **embedded);
/* Ends the domain and removes its folder. No scenario may be running. */
void EmbeddedFree(struct Embedded *embedded);
/* Removes the folder only, before the program ends in haste. Any thread. */
void EmbeddedRemoveFolder(const struct Embedded *embedded);

#endif
