/*
 * Closes received descriptors without waiting. close(2) of a file on a FUSE mount waits for the
 * server of the mount, which may be the hostile sender of the descriptor.
 */
#ifndef LITEIPC_PLATFORM_DISCARD_H
#define LITEIPC_PLATFORM_DISCARD_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Closes `descriptor`: at once if it is a pipe or a memfd, which never wait, else soon, on a new
 * thread. Does nothing for -1.
 */
void DescriptorDiscard(int descriptor);

#ifdef __cplusplus
}
#endif

#endif
