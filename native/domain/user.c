#include "domain/user.h"

#include <stdlib.h>

struct DomainUser *DomainUserGet(struct Domain *domain, uint32_t uid)
{
    LIST_EACH (node, &domain->users) {
        struct DomainUser *user = LIST_ENTRY(node, struct DomainUser, link);
        if (user->uid == uid) {
            return user;
        }
    }
    struct DomainUser *user = calloc(1, sizeof(*user));
    if (user != NULL) {
        user->uid = uid;
        user->exempt = uid == domain->ownerUid;
        ListAppend(&domain->users, &user->link);
    }
    return user;
}

bool DomainUserCharge(struct Domain *domain, struct DomainUser *user, enum DomainResource resource)
{
    if (!user->exempt && user->used[resource] >= domain->quotas[resource]) {
        return false;
    }
    user->used[resource]++;
    /* relaxed: a counter, which orders nothing */
    atomic_fetch_add_explicit(&domain->counts[resource], 1, memory_order_relaxed);
    return true;
}

void DomainUserRefund(struct Domain *domain, struct DomainUser *user, enum DomainResource resource)
{
    user->used[resource]--;
    /* relaxed: as above */
    atomic_fetch_sub_explicit(&domain->counts[resource], 1, memory_order_relaxed);
    DomainUserRelease(user);
}

void DomainUserRelease(struct DomainUser *user)
{
    for (uint32_t resource = 0; resource < RESOURCE_COUNT; resource++) {
        if (user->used[resource] != 0) {
            return;
        }
    }
    ListRemove(&user->link);
    free(user);
}
