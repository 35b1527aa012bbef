/* Tests OBJ_SVC: passing a service passes the right to call it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/actors.h"
#include "support/parcel.h"

static struct Actor *cms, *cli, *svc, *oth;
static struct Parcel parcel;

/* Sets up `cli`, which may call `svc` and `oth`; they have no rights. */
static int SetUp(void **state)
{
    int status = StageSetUp(state);
    cms = ActorManager(*state);
    cli = ActorReady(*state);
    svc = ActorService(cms, cli);
    oth = ActorService(cms, cli);
    return status;
}

static int TearDown(void **state)
{
    assert_true(ActorPoolIsEmpty(cms) && ActorPoolIsEmpty(cli) && ActorPoolIsEmpty(svc) &&
                ActorPoolIsEmpty(oth));
    return StageTearDown(state);
}
#define SVC_TEST(test) cmocka_unit_test_setup_teardown(test, SetUp, TearDown)

/* Sends one object in a one-way message and returns the status. */
static int Pass(struct Actor *from, uint32_t to, uint32_t handle, uint32_t token, uint32_t cookie)
{
    ParcelBegin(&parcel, ActorOneway(to, 7));
    ParcelSvc(&parcel, handle, token, cookie);
    return ActorSend(from, &parcel.msg);
}

/* Asserts that the message of Pass arrives with this object. */
static void Gets(struct Actor *actor, struct Actor *from, uint32_t handle, uint32_t token,
                 uint32_t cookie)
{
    IpcMsg *got;
    assert_int_equal(ActorReceive(actor, &got), 0);
    assert_true(ActorIsMessage(got, MT_REQUEST, 7, from));
    SpecialObj object = ParcelGet(got, 0, OBJ_SVC);
    assert_int_equal(object.content.svc.handle, handle);
    assert_int_equal(object.content.svc.token, token);
    assert_int_equal(object.content.svc.cookie, cookie);
    assert_int_equal(ActorFree(actor, got), 0);
}

/* Sends a one-way request, which is received, and returns the status. */
static int Calls(struct Actor *from, struct Actor *to)
{
    IpcMsg out = ActorOneway(ActorID(to), 8);
    IpcMsg *got;
    int status = ActorSend(from, &out);
    if (status == 0) {
        assert_int_equal(ActorReceive(to, &got), 0);
        assert_true(ActorIsMessage(got, MT_REQUEST, 8, from));
        assert_int_equal(ActorFree(to, got), 0);
    }
    return status;
}

static void HandleCanBePassedOn(void **state)
{
    (void)state;
    assert_int_equal(Calls(oth, svc), -EACCES);
    assert_int_equal(Pass(cli, ActorID(oth), ActorID(svc), 3, 4), 0);
    Gets(oth, cli, ActorID(svc), 3, 4);
    assert_int_equal(Calls(oth, svc), 0);
    assert_int_equal(Calls(svc, oth), -EACCES); /* the opposite direction needs another right */
    /* A second time is harmless. */
    assert_int_equal(Pass(cli, ActorID(oth), ActorID(svc), 5, 6), 0);
    Gets(oth, cli, ActorID(svc), 5, 6);
    assert_int_equal(Calls(oth, svc), 0);
}

static void TheManagerPassesServicesOnInReplies(void **state)
{
    struct Actor *new = ActorReady(*state);
    IpcMsg lookup = ActorRequest(0, 1);
    uint32_t zero = 0;
    IpcMsg *got;

    lookup.data = "name";
    lookup.dataSz = 4;
    assert_int_equal(Calls(new, svc), -EACCES);
    ActorMsgStart(new, SEND | RECV, &lookup, NULL);
    assert_int_equal(ActorReceive(cms, &got), 0);
    ParcelBegin(&parcel, ActorReplyTo(MT_REPLY, got, 0));
    ParcelBytes(&parcel, &zero, sizeof(zero));
    ParcelSvc(&parcel, ActorID(svc), 1, 2);
    assert_int_equal(ActorMsg(cms, SEND | BUFF_FREE, &parcel.msg, got, NULL), 0);
    assert_int_equal(ActorMsgEnd(new, &got), 0);
    SpecialObj object = ParcelGet(got, 0, OBJ_SVC);
    assert_int_equal(object.content.svc.handle, ActorID(svc));
    assert_int_equal(object.content.svc.token, 1);
    assert_int_equal(object.content.svc.cookie, 2);
    assert_int_equal(*(uint32_t *)got->data, 0);
    assert_int_equal(ActorFree(new, got), 0);
    assert_int_equal(Calls(new, svc), 0);
}

/* -1 with token 1 is the sender, which is a service from then on. */
static void MinusOneIsTheSender(void **state)
{
    (void)state;
    assert_int_equal(Calls(svc, cli), -EACCES);
    assert_int_equal(Pass(cli, ActorID(svc), INVALID_ID, 1, 99), 0);
    Gets(svc, cli, ActorID(cli), 1, 99);
    assert_int_equal(Calls(svc, cli), 0);
    assert_int_equal(Calls(oth, cli), -EACCES);
}

static void MinusOneNeedsTokenOne(void **state)
{
    static const uint32_t tokens[] = {0, 2, UINT32_MAX};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(Pass(cli, ActorID(svc), INVALID_ID, tokens[i], 0), -EINVAL);
        assert_int_equal(Calls(svc, cli), -EACCES);
    }
}

static void ServiceRegistersItselfAtTheManager(void **state)
{
    struct Actor *new = ActorReady(*state);
    IpcMsg *got;

    assert_int_equal(Calls(cms, new), -EACCES);
    ParcelBegin(&parcel, ActorRequest(0, 1));
    ParcelSvc(&parcel, INVALID_ID, 1, 0);
    ActorMsgStart(new, SEND | RECV, &parcel.msg, NULL);
    assert_int_equal(ActorReceive(cms, &got), 0);
    assert_int_equal(got->target.handle, 0);
    assert_int_equal(ParcelGet(got, 0, OBJ_SVC).content.svc.handle, ActorID(new));
    assert_int_equal(ActorReply(cms, MT_REPLY, got, 0), 0);
    assert_int_equal(ActorMsgEnd(new, NULL), 0);
    assert_int_equal(Calls(cms, new), 0);
}

static void ManagerCannotPassItselfOnAsMinusOne(void **state)
{
    (void)state;
    assert_int_equal(ActorGrant(cms, cms, svc), 0);
    assert_int_equal(Pass(cms, ActorID(svc), INVALID_ID, 1, 0), -EINVAL);
    assert_int_equal(Pass(cms, ActorID(svc), 0, 0, 0), -EINVAL);
    assert_int_equal(Calls(svc, cms), -EACCES);
    assert_int_equal(Pass(cms, ActorID(svc), ActorID(cms), 0, 0), 0);
    Gets(svc, cms, ActorID(cms), 0, 0);
    assert_int_equal(Calls(svc, cms), 0);
}

static void PassingAServiceRequiresTheRight(void **state)
{
    struct Actor *stranger = ActorService(cms, NULL);
    (void)state;
    assert_int_equal(Pass(cli, ActorID(oth), ActorID(stranger), 0, 0), -EACCES);
    assert_int_equal(Pass(cli, 0, ActorID(stranger), 0, 0), -EACCES);
    assert_int_equal(Calls(oth, stranger), -EACCES);
    assert_int_equal(Pass(cli, ActorID(oth), ActorID(cms), 0, 0), -EACCES);
}

static void TerminatedAndUnknownServicesAreInvalid(void **state)
{
    const uint32_t handles[] = {0, 127, 128, 100000, INVALID_ID - 1, ActorID(svc)};
    (void)state;
    ActorExitTask(svc);
    for (unsigned i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
        assert_int_equal(Pass(cli, ActorID(oth), handles[i], 1, 0), -EINVAL);
    }
}

/* A task may pass its siblings, even those that never used IPC; they have a queue afterwards. */
static void SiblingsCanBePassedOn(void **state)
{
    struct Actor *sibling = ActorSibling(cli);
    (void)state;
    assert_int_equal(Pass(cli, ActorID(svc), ActorID(sibling), 0, 0), 0);
    Gets(svc, cli, ActorID(sibling), 0, 0);
    assert_int_equal(Calls(svc, sibling), 0);
    assert_int_equal(Calls(svc, cli), -EACCES); /* the task, not the process */
}

/* The right belongs to the process: all its tasks may call, whichever received the message. */
static void TheWholeProcessGetsTheRight(void **state)
{
    struct Actor *sibling = ActorSibling(oth);
    (void)state;
    assert_int_equal(Pass(cli, ActorID(oth), ActorID(svc), 0, 0), 0);
    assert_int_equal(Calls(sibling, svc), 0); /* from the time of sending */
    Gets(oth, cli, ActorID(svc), 0, 0);
}

/* D4: a message that fails at another object grants nothing. */
static void FailedMessageGrantsNothing(void **state)
{
    SpecialObj bad = {.type = (ObjType)9};
    int closed = fcntl(0, F_DUPFD, 5000); /* no other thread uses such a high number */
    (void)state;
    close(closed);

    for (unsigned i = 0; i < 5; i++) {
        ParcelBegin(&parcel, ActorOneway(ActorID(oth), 7));
        ParcelSvc(&parcel, ActorID(svc), 0, 0);
        switch (i) {
            case 0:
                ParcelFd(&parcel, closed);
                break;
            case 1:
                ParcelPtr(&parcel, &parcel, 70000);
                break;
            case 2:
                ParcelSvc(&parcel, ActorID(cms), 0, 0);
                break;
            case 3:
                ParcelObject(&parcel, &bad);
                break;
            default:
                ParcelSvc(&parcel, ActorID(svc), 0, 0);
                parcel.offsets[1] -= 8;
                break;
        }
        assert_int_equal(ActorSend(cli, &parcel.msg), i == 0 ? -EBADF : i == 2 ? -EACCES : -EINVAL);
        assert_int_equal(Calls(oth, svc), -EACCES);
    }
}

/* The same for a message without room, and for a message too large for the ServiceManager. */
static void MessageWithoutRoomGrantsNothing(void **state)
{
    static char much[6000];
    IpcMsg filler = ActorOneway(ActorID(oth), 1);
    unsigned sent = 0;
    IpcMsg *got;
    (void)state;

    filler.data = much;
    filler.dataSz = sizeof(much);
    while (ActorSend(cli, &filler) == 0) {
        sent++;
    }
    filler.dataSz = 0;
    while (ActorSend(cli, &filler) == 0) {
        sent++;
    }
    assert_int_equal(Pass(cli, ActorID(oth), ActorID(svc), 0, 0), -ENOMEM);
    assert_int_equal(Calls(oth, svc), -EACCES);
    for (; sent > 0; sent--) {
        assert_int_equal(ActorReceive(oth, &got), 0);
        assert_int_equal(ActorFree(oth, got), 0);
    }

    ParcelBegin(&parcel, ActorOneway(0, 7));
    ParcelSvc(&parcel, INVALID_ID, 1, 0);
    ParcelPtr(&parcel, much, sizeof(much));
    ParcelPtr(&parcel, much, sizeof(much));
    assert_int_equal(ActorSend(cli, &parcel.msg), -EINVAL);
    assert_int_equal(Calls(cms, cli), -EACCES);
}

static void ManagerReceivesObjectsOfAllKinds(void **state)
{
    static char one[20], two[30];
    uint32_t four = 4;
    IpcMsg *got;
    (void)state;

    ParcelBegin(&parcel, ActorOneway(0, 1));
    ParcelPtr(&parcel, one, sizeof(one));
    ParcelBytes(&parcel, &four, sizeof(four));
    ParcelPtr(&parcel, two, sizeof(two));
    ParcelSvc(&parcel, INVALID_ID, 1, 0);
    assert_int_equal(ActorSend(cli, &parcel.msg), 0);
    assert_int_equal(ActorReceive(cms, &got), 0);
    assert_int_equal(got->spObjNum, 3);
    assert_int_equal(ActorFree(cms, ParcelBuffer(got, 0, 0, sizeof(one))), 0);
    assert_int_equal(ActorFree(cms, ParcelBuffer(got, 1, 0, sizeof(two))), 0);
    SpecialObj object = ParcelGet(got, 2, OBJ_SVC);
    assert_int_equal(object.content.svc.handle, ActorID(cli));
    assert_int_equal(object.content.svc.token, 1);
    assert_int_equal(ActorFree(cms, got), 0);
    assert_int_equal(Calls(cms, cli), 0);
}

static void ManyServicesInOneMessage(void **state)
{
    struct Actor *others[8];
    IpcMsg *got;
    (void)state;

    ParcelBegin(&parcel, ActorOneway(ActorID(oth), 7));
    for (unsigned i = 0; i < 8; i++) {
        others[i] = ActorService(cms, cli);
        ParcelSvc(&parcel, ActorID(others[i]), i, i * 2);
    }
    while (parcel.msg.spObjNum < IPC_MSG_OBJECT_NUM_MAX) {
        ParcelSvc(&parcel, ActorID(others[parcel.msg.spObjNum % 8]), 1, 1);
    }
    assert_int_equal(ActorSend(cli, &parcel.msg), 0);
    assert_int_equal(ActorReceive(oth, &got), 0);
    assert_int_equal(got->spObjNum, IPC_MSG_OBJECT_NUM_MAX);
    assert_int_equal(ActorFree(oth, got), 0);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(Calls(oth, others[i]), 0);
    }
}

/*
 * A process that received a right in a message gets the service's death notice, like a process with
 * a right from the manager.
 */
static void ReceiverOfARightGetsTheDeathNotice(void **state)
{
    IpcMsg *got;
    (void)state;
    assert_true(ActorIoctl(oth, IPC_SET_IPC_THREAD, 0) > 0);
    assert_int_equal(Pass(cli, ActorID(oth), ActorID(svc), 0, 0), 0);
    Gets(oth, cli, ActorID(svc), 0, 0);
    ActorExitTask(svc);
    assert_int_equal(ActorReceive(oth, &got), 0);
    assert_true(ActorIsMessage(got, MT_DEATH_NOTIFY, 0, NULL));
    assert_int_equal(got->target.token, ActorID(svc));
    assert_int_equal(ActorFree(oth, got), 0);
}

/* A revoked right can be granted again. */
static void RevokedRightCanBePassedOnAgain(void **state)
{
    (void)state;
    assert_int_equal(Pass(cli, ActorID(oth), ActorID(svc), 0, 0), 0);
    Gets(oth, cli, ActorID(svc), 0, 0);
    assert_int_equal(ActorRevoke(cms, oth, svc), 0);
    assert_int_equal(Calls(oth, svc), -EACCES);
    assert_int_equal(Pass(cli, ActorID(oth), ActorID(svc), 0, 0), 0);
    Gets(oth, cli, ActorID(svc), 0, 0);
    assert_int_equal(Calls(oth, svc), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SVC_TEST(HandleCanBePassedOn),
        SVC_TEST(TheManagerPassesServicesOnInReplies),
        SVC_TEST(MinusOneIsTheSender),
        SVC_TEST(MinusOneNeedsTokenOne),
        SVC_TEST(ServiceRegistersItselfAtTheManager),
        SVC_TEST(ManagerCannotPassItselfOnAsMinusOne),
        SVC_TEST(PassingAServiceRequiresTheRight),
        SVC_TEST(TerminatedAndUnknownServicesAreInvalid),
        SVC_TEST(SiblingsCanBePassedOn),
        SVC_TEST(TheWholeProcessGetsTheRight),
        SVC_TEST(FailedMessageGrantsNothing),
        SVC_TEST(MessageWithoutRoomGrantsNothing),
        SVC_TEST(ManagerReceivesObjectsOfAllKinds),
        SVC_TEST(ManyServicesInOneMessage),
        SVC_TEST(ReceiverOfARightGetsTheDeathNotice),
        SVC_TEST(RevokedRightCanBePassedOnAgain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
