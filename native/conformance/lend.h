/* Obtains a descriptor of the device that another process opened. */
#ifndef CONFORMANCE_LEND_H
#define CONFORMANCE_LEND_H

/*
 * Makes a child of this process open `path` and send the descriptor back. Returns -1 if the system
 * cannot send descriptors, as LiteOS-A, or the device cannot be opened.
 */
int LendDescriptor(const char *path);

#endif
