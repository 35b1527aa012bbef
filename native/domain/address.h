/*
 * The address of a domain in the file system: the lock that protects the name, the socket, and
 * their removal.
 *
 *   - The lock is flock(2) on `lockPath` for as long as the domain exists. Only its holder unlinks
 *     a stale socket, binds, and later unlinks both files, the lock file last and while it is
 *     locked.
 *   - After taking the lock, a domain checks that the file at the path is still the locked one. If
 *     not, the previous holder has just removed it, and the attempt starts again.
 */
#ifndef LITEIPC_DOMAIN_ADDRESS_H
#define LITEIPC_DOMAIN_ADDRESS_H

#include "domain/state.h"

/* Takes the lock of domain->path and listens there. Fills lockPath, lockDescriptor and listener. */
int DomainAddressTake(struct Domain *domain, uint32_t socketMode, gid_t socketGid);
/* Removes socket and lock. Does nothing for a domain that took no address (descriptors -1). */
void DomainAddressRelease(struct Domain *domain);

#endif
