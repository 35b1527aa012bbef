/* What every ioctl of the kernel checks first, here on the domain's side. */
#ifndef LITEIPC_KERNEL_CALLER_H
#define LITEIPC_KERNEL_CALLER_H

#include "domain/state.h"

/*
 * -EINVAL: the caller's process has not opened; -ENOMEM: its pool is not mapped. Domain's thread
 * only.
 */
int CheckCaller(const struct Domain *domain, const struct DomainTask *caller);

#endif
