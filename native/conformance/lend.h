/* A descriptor of the device in a process that did not open it. */
#ifndef CONFORMANCE_LEND_H
#define CONFORMANCE_LEND_H

/*
 * Has a child of this process open `path` and send the descriptor back. -1 when the system cannot
 * send descriptors, as LiteOS-A, or the device cannot be opened.
 */
int LendDescriptor(const char *path);

#endif
