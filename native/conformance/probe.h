/* Checks that a device exists and that no scenario has used it. */
#ifndef CONFORMANCE_PROBE_H
#define CONFORMANCE_PROBE_H

#include <stddef.h>

/*
 * Opens the device in a separate process, which leaves no trace. Returns 0 if a scenario can begin,
 * else a negative errno with a sentence in `message`: -EEXIST if a ServiceManager was set already
 * (a kernel never forgets it, so scenarios would give other results), or the error of open, mmap or
 * ioctl.
 */
int ProbeDevice(const char *path, char *message, size_t size);

#endif
