#include "domain/state.h"

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

bool DomainUserCharge(struct Domain *domain, struct DomainUser *user, enum DomainGood good)
{
    if (!user->exempt && user->used[good] >= domain->quotas[good]) {
        return false;
    }
    user->used[good]++;
    /* relaxed: a number to look at, it orders nothing */
    atomic_fetch_add_explicit(&domain->counts[good], 1, memory_order_relaxed);
    return true;
}

void DomainUserRefund(struct Domain *domain, struct DomainUser *user, enum DomainGood good)
{
    user->used[good]--;
    /* relaxed: as above */
    atomic_fetch_sub_explicit(&domain->counts[good], 1, memory_order_relaxed);
    DomainUserForget(user);
}

void DomainUserForget(struct DomainUser *user)
{
    for (uint32_t good = 0; good < GOODS; good++) {
        if (user->used[good] != 0) {
            return;
        }
    }
    ListRemove(&user->link);
    free(user);
}
