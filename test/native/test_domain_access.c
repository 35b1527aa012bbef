/* Who may call whom: ServiceManager, handles, rights, and what the control table says of them. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "device/hm_liteipc.h"
#include "kernel/access.h"
#include "support/control_client.h"

#define MESSAGE_HEADER 80U /* sizeof(IpcMsg) with uid and gid, LP64 */

static char directory[64];
static struct Domain *domain;

static int SetUp(void **state)
{
    (void)state;
    TestDirectoryMake(directory, sizeof(directory));
    struct DomainOptions options = TestDomainOptions("access");
    return DomainStart(&options, &domain);
}

static int TearDown(void **state)
{
    (void)state;
    assert_true(TestDomainIsEmpty(domain));
    DomainStop(domain);
    TestDirectoryRemove(directory);
    return 0;
}

static void CmsIsOneTaskOfTheDomain(void **state)
{
    (void)state;
    struct TestProcess manager, other;
    TestProcessOpen(DomainPath(domain), &manager, 0);
    TestProcessOpen(DomainPath(domain), &other, 0);
    const struct ControlTable *table = other.client.table;

    assert_false(IsCmsSet(table));
    assert_int_equal(TestSetCms(&manager.thread, manager.taskID, MESSAGE_HEADER - 1), -EINVAL);
    assert_int_equal(TestSetCms(&manager.thread, other.taskID, 256), -EINVAL);
    assert_int_equal(TestSetCms(&manager.thread, 0, 256), -EINVAL);
    assert_false(IsCmsSet(table));
    assert_int_equal(TestSetCms(&manager.thread, manager.taskID, MESSAGE_HEADER), 0);
    assert_true(IsCmsSet(table) && IsCmsTask(table, manager.taskID));
    assert_false(IsCmsTask(table, other.taskID) || IsCmsTask(table, 0));
    assert_int_equal(atomic_load(&table->cmsMaxMsgSize), MESSAGE_HEADER);
    assert_int_equal(TestSetCms(&other.thread, other.taskID, 256), -EEXIST);
    assert_int_equal(TestSetCms(&other.thread, other.taskID, 1), -EINVAL);

    /* The role ends with its task, and the next one takes it. */
    assert_int_equal(TestObject(&manager.thread, CONTROL_TASK_EXIT, manager.taskID, 0), 0);
    assert_false(IsCmsSet(table));
    assert_int_equal(TestSetCms(&other.thread, other.taskID, 256), 0);
    assert_true(IsCmsTask(table, other.taskID));
    TestProcessClose(&manager);
    TestProcessClose(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(CmsIsOneTaskOfTheDomain, SetUp, TearDown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
