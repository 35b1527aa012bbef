/* Is a device there, and as good as new? */
#ifndef CONFORMANCE_PROBE_H
#define CONFORMANCE_PROBE_H

#include <stddef.h>

/*
 * Looks at the device in a process of its own, which leaves no trace. 0: a scenario can begin. Else
 * a negative errno with a sentence in `message`: -EEXIST when a ServiceManager was set already,
 * which a kernel never forgets, so that scenarios would come to something else; the error of open,
 * mmap or ioctl otherwise.
 */
int ProbeDevice(const char *path, char *message, size_t size);

#endif
