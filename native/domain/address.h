/*
 * The address of a domain in the file system: the lock that says whose it is, the socket, and their
 * removal.
 *
 *   - The lock is flock(2) on `lockPath` for as long as the domain lives. Only its holder unlinks a
 *     stale socket, binds, and unlinks both files again, the lock last and while it is still held.
 *   - Who gets the lock looks whether the file at that path is still the one that it locked; if
 *     not, the previous holder had just removed it, and the attempt starts again.
 */
#ifndef LITEIPC_HOST_DOMAIN_ADDRESS_H
#define LITEIPC_HOST_DOMAIN_ADDRESS_H

#include "domain/state.h"

/* Takes the lock of domain->path and listens there. Fills lockPath, lockDescriptor and listener. */
int DomainAddressTake(struct Domain *domain, uint32_t socketMode, gid_t socketGid);
/* Gives everything back. Safe on a domain that took nothing (descriptors -1). */
void DomainAddressRelease(struct Domain *domain);

#endif
