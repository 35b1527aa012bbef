/* Tests the pool of a process: the module's functions, and the effect of a full pool on senders. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "kernel/los_liteipc.h"
#include "kernel/pool.h"
#include "support/actors.h"

static char data[6000];

static int SendSized(struct Actor *actor, const struct Actor *to, uint32_t code, uint32_t size)
{
    IpcMsg out = ActorOneway(ActorID(to), code);
    out.data = data;
    out.dataSz = size;
    return ActorSend(actor, &out);
}

static int SendBig(struct Actor *actor, const struct Actor *to, uint32_t code)
{
    return SendSized(actor, to, code, sizeof(data));
}

static IpcMsg *Get(struct Actor *actor, uint32_t code, const struct Actor *from)
{
    IpcMsg *got = NULL;
    assert_int_equal(ActorReceive(actor, &got), 0);
    assert_true(ActorIsMessage(got, MT_REQUEST, code, from));
    return got;
}

static void IsFresh(const struct ProcIpcInfo *info, const void *uvaddr)
{
    assert_ptr_equal(info->pool.uvaddr, uvaddr);
    assert_null(info->pool.kvaddr);
    assert_int_equal(info->pool.poolSize, 0);
    assert_null(info->slab);
    assert_int_equal(info->ipcTaskID, 0);
    assert_false(IsPoolMapped(info));
}

static void PoolInitHoldsNothing(void **state)
{
    struct ProcIpcInfo info;
    (void)state;

    assert_int_equal(LiteIpcPoolInit(NULL), -EINVAL);
    memset(&info, 0xA5, sizeof(info));
    assert_int_equal(LiteIpcPoolInit(&info), 0);
    IsFresh(&info, NULL);
    assert_int_equal(LiteIpcPoolDelete(&info), 0); /* deleting without a pool is no error */
    IsFresh(&info, NULL);
}

static void PoolReInitPreservesTheAddressOnly(void **state)
{
    struct ProcIpcInfo parent;
    struct ProcIpcInfo child;
    struct IpcNode *node;
    (void)state;

    assert_int_equal(LiteIpcPoolInit(&parent), 0);
    assert_int_equal(DoIpcMmap(&parent, 65536, 4), 0);
    parent.ipcTaskID = 7;
    assert_int_equal(LiteIpcNodeAlloc(&parent, 200, &node), 0);
    const struct ProcIpcInfo before = parent;

    assert_int_equal(LiteIpcPoolReInit(NULL, &parent), -EINVAL);
    assert_int_equal(LiteIpcPoolReInit(&child, NULL), -EINVAL);
    memset(&child, 0xA5, sizeof(child));
    assert_int_equal(LiteIpcPoolReInit(&child, &parent), 0);
    IsFresh(&child, parent.pool.uvaddr);
    assert_memory_equal(&parent, &before, sizeof(parent));

    /* Deleting the child's pool does not affect the parent's. */
    assert_int_equal(LiteIpcPoolDelete(&child), 0);
    IsFresh(&child, NULL);
    memset(node, 0x5A, 200);
    assert_int_equal(*(const unsigned char *)GetIpcUserAddr(&parent, node), 0x5A);

    /* The child may have a pool of its own. */
    assert_int_equal(LiteIpcPoolReInit(&child, &parent), 0);
    assert_int_equal(DoIpcMmap(&child, 4096, 4), 0);
    assert_ptr_not_equal(child.pool.uvaddr, parent.pool.uvaddr);
    assert_int_equal(child.pool.poolSize, 4096);
    assert_int_equal(LiteIpcPoolDelete(&child), 0);
    assert_int_equal(LiteIpcPoolDelete(&parent), 0);
    IsFresh(&parent, NULL);
}

static void PoolDeleteFreesEveryNode(void **state)
{
    struct ProcIpcInfo info;
    struct IpcNode *node;
    (void)state;

    assert_int_equal(LiteIpcPoolDelete(NULL), -EINVAL);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(LiteIpcPoolInit(&info), 0);
        assert_int_equal(DoIpcMmap(&info, 65536, 4), 0);
        info.ipcTaskID = 3;
        for (int i = 0; i < 50; i++) {
            assert_int_equal(LiteIpcNodeAlloc(&info, 1000, &node), 0);
            if (i % 2 == 0) {
                EnableIpcNodeFreeByUser(&info, node); /* delivered, not freed */
            }
        }
        assert_int_equal(LiteIpcPoolDelete(&info), 0);
        IsFresh(&info, NULL);
        assert_int_equal(LiteIpcPoolDelete(&info), 0);
    }
}

static void UserViewIsReadOnly(void **state)
{
    struct ProcIpcInfo info;
    struct IpcNode *node;
    (void)state;

    assert_int_equal(LiteIpcPoolInit(&info), 0);
    assert_int_equal(DoIpcMmap(&info, 65536, 4), 0);
    assert_int_equal(LiteIpcNodeAlloc(&info, 200, &node), 0);
    const void *user = GetIpcUserAddr(&info, node);
    assert_ptr_equal(GetIpcKernelAddr(&info, user), node);
    assert_ptr_not_equal(user, node);
    /* Both views show the same memory, but only one is writable. */
    node->prefix.charge = 42;
    assert_int_equal(((const struct IpcNode *)user)->prefix.charge, 42);
    void *page = (void *)((uintptr_t)user & ~(uintptr_t)4095);
    assert_int_not_equal(mprotect(page, 4096, PROT_READ | PROT_WRITE), 0);
    LiteIpcNodeFree(&info, node);
    assert_int_equal(LiteIpcPoolDelete(&info), 0);
}

static void FullPoolIsAnErrorForTheSender(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);

    for (uint32_t code = 1; code <= 10; code++) {
        assert_int_equal(SendBig(cli, svc, code), 0);
    }
    assert_int_equal(SendBig(cli, svc, 11), -ENOMEM);
    assert_int_equal(SendBig(cli, svc, 12), -ENOMEM);
    IpcMsg *first = Get(svc, 1, cli);
    assert_int_equal(SendBig(cli, svc, 20), -ENOMEM); /* receiving without freeing makes no room */
    assert_int_equal(ActorFree(svc, first), 0);
    assert_int_equal(SendBig(cli, svc, 21), 0);
    assert_int_equal(SendBig(cli, svc, 22), -ENOMEM);
    for (uint32_t code = 2; code <= 10; code++) {
        assert_int_equal(ActorFree(svc, Get(svc, code, cli)), 0);
    }
    assert_int_equal(ActorFree(svc, Get(svc, 21, cli)), 0);
    assert_true(ActorPoolIsEmpty(svc));
}

/* The exact size that the kernel would take from the pool: header and data. */
static void ChargeIsExact(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    uint32_t rest = ACTOR_POOL - 10 * (sizeof(data) + sizeof(IpcListNode));

    for (uint32_t code = 1; code <= 10; code++) {
        assert_int_equal(SendBig(cli, svc, code), 0);
    }
    uint32_t size = rest - sizeof(IpcListNode);
    assert_int_equal(SendSized(cli, svc, 11, size + 1), -ENOMEM);
    assert_int_equal(SendSized(cli, svc, 12, size), 0);
    assert_int_equal(SendSized(cli, svc, 13, 0), -ENOMEM);
    for (uint32_t code = 1; code <= 10; code++) {
        assert_int_equal(ActorFree(svc, Get(svc, code, cli)), 0);
    }
    assert_int_equal(ActorFree(svc, Get(svc, 12, cli)), 0);
}

/* D1: in the kernel the first flood uses up the pool for all senders. */
static void FloodExhaustsOnlyItsShare(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *oth = ActorReady(*state);
    struct Actor *svc = ActorService(cms, cli);
    uint32_t flood = 0;

    assert_int_equal(ActorGrant(cms, oth, svc), 0);
    while (SendSized(cli, svc, 1, 100) == 0) {
        flood++;
    }
    assert_int_equal(flood, ACTOR_POOL / (100 + sizeof(IpcListNode)));
    for (uint32_t code = 2; code <= 11; code++) {
        assert_int_equal(SendBig(oth, svc, code), 0);
    }
    assert_int_equal(SendBig(oth, svc, 12), -ENOMEM);
    for (uint32_t i = 0; i < flood; i++) {
        assert_int_equal(ActorFree(svc, Get(svc, 1, cli)), 0);
    }
    assert_int_equal(SendSized(cli, svc, 13, 100), 0);
    for (uint32_t code = 2; code <= 11; code++) {
        assert_int_equal(ActorFree(svc, Get(svc, code, oth)), 0);
    }
    assert_int_equal(ActorFree(svc, Get(svc, 13, cli)), 0);
    assert_true(ActorPoolIsEmpty(svc));
}

/* D1: the same for replies: messages of other senders do not prevent them. */
static void HeldBuffersOfOthersDoNotPreventReplies(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *oth = ActorReady(*state);
    struct Actor *cli = ActorService(cms, oth);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg out = ActorRequest(ActorID(svc), 1);
    IpcMsg *held[10];
    IpcMsg *got;

    for (uint32_t code = 0; code < 10; code++) {
        assert_int_equal(SendBig(oth, cli, code), 0);
        held[code] = Get(cli, code, oth);
    }
    ActorMsgStart(cli, SEND | RECV, &out, NULL);
    assert_int_equal(ActorReceive(svc, &got), 0);
    assert_int_equal(ActorReply(svc, MT_REPLY, got, 2), 0);
    assert_int_equal(ActorMsgEnd(cli, NULL), 0);
    for (uint32_t code = 0; code < 10; code++) {
        assert_int_equal(ActorFree(cli, held[code]), 0);
    }
    assert_true(ActorPoolIsEmpty(cli));
}

/* A reply without room: ENOMEM for the service, and the request is freed. */
static void ReplyWithoutRoomConsumesItsRequest(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorService(cms, NULL);
    struct Actor *svc = ActorService(cms, cli);
    IpcMsg out = ActorRequest(ActorID(svc), 1);
    IpcMsg *got;
    uint32_t count = 0;

    assert_int_equal(ActorGrant(cms, svc, cli), 0);
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(svc, &got), 0);
    while (SendSized(svc, cli, count, 0) == 0) {
        count++;
    }
    assert_int_equal(ActorReply(svc, MT_REPLY, got, 2), -ENOMEM);
    assert_true(ActorPoolIsEmpty(svc));
    assert_int_equal(ActorFree(svc, got), -EFAULT);
    for (uint32_t code = 0; code < count; code++) {
        assert_int_equal(ActorFree(cli, Get(cli, code, svc)), 0);
    }
    assert_int_equal(ActorSend(cli, &out), 0);
    assert_int_equal(ActorReceive(svc, &got), 0);
    assert_int_equal(ActorReply(svc, MT_REPLY, got, 2), 0);
}

static void MessageLargerThanThePoolIsRefused(void **state)
{
    struct Actor *cms = ActorManager(*state);
    struct Actor *cli = ActorReady(*state);
    struct Actor *svc = ActorProcess(*state);

    assert_int_equal(ActorOpen(svc), 0);
    assert_int_equal(ActorMap(svc, 4096, PROT_READ, MAP_PRIVATE), 0);
    ActorMsgStart(svc, RECV, NULL, NULL);
    assert_int_equal(ActorGrant(cms, cli, svc), 0);
    assert_int_equal(SendBig(cli, svc, 1), -ENOMEM);
    assert_int_equal(SendSized(cli, svc, 2, 4096 - sizeof(IpcListNode) + 1), -ENOMEM);
    assert_int_equal(SendSized(cli, svc, 3, 200), 0);
    IpcMsg *got;
    assert_int_equal(ActorMsgEnd(svc, &got), 0);
    assert_true(ActorIsMessage(got, MT_REQUEST, 3, cli));
    assert_int_equal(ActorFree(svc, got), 0);
    assert_int_equal(SendSized(cli, svc, 4, 4096 - sizeof(IpcListNode)), 0);
    assert_int_equal(ActorFree(svc, Get(svc, 4, cli)), 0);
    assert_true(ActorPoolIsEmpty(svc));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(PoolInitHoldsNothing),
        cmocka_unit_test(PoolReInitPreservesTheAddressOnly),
        cmocka_unit_test(PoolDeleteFreesEveryNode),
        cmocka_unit_test(UserViewIsReadOnly),
        STAGE_TEST(FullPoolIsAnErrorForTheSender),
        STAGE_TEST(ChargeIsExact),
        STAGE_TEST(FloodExhaustsOnlyItsShare),
        STAGE_TEST(HeldBuffersOfOthersDoNotPreventReplies),
        STAGE_TEST(ReplyWithoutRoomConsumesItsRequest),
        STAGE_TEST(MessageLargerThanThePoolIsRefused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
