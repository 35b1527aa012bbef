/*
 * Closing descriptors that somebody else sent, without ever waiting. close(2) of a file on a FUSE
 * mount waits for whoever serves it, and that may be the one who sent the descriptor to hang us.
 */
#ifndef LITEIPC_PLATFORM_DISCARD_H
#define LITEIPC_PLATFORM_DISCARD_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Closes `descriptor`: at once if it is a pipe or a memfd, whose closing cannot wait, else soon, on
 * a thread of its own. -1 is allowed.
 */
void DescriptorDiscard(int descriptor);

#ifdef __cplusplus
}
#endif

#endif
