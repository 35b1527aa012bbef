#include "support/domain_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

char testDirectory[64];
struct Domain *testDomain;
struct DomainTrio domainTrio;
static size_t descriptorsBefore;

int DirectorySetUp(void **state)
{
    (void)state;
    TestDirectoryMake(testDirectory, sizeof(testDirectory));
    return 0;
}

int DirectoryTearDown(void **state)
{
    (void)state;
    TestDirectoryRemove(testDirectory);
    return 0;
}

int DomainSetUp(void **state)
{
    (void)DirectorySetUp(state);
    struct DomainOptions options = TestDomainOptions("fixture");
    int status = DomainStart(&options, &testDomain);
    descriptorsBefore = TestDescriptorCount();
    return status;
}

int DomainTearDown(void **state)
{
    assert_true(TestDomainIsEmpty(testDomain));
    assert_true(TestDescriptorCountIs(descriptorsBefore));
    DomainStop(testDomain);
    return DirectoryTearDown(state);
}

void DomainTrioOpen(struct DomainTrio *trio, unsigned laneEnds)
{
    const char *path = DomainPath(testDomain);
    TestProcessOpen(path, &trio->manager, laneEnds);
    TestProcessOpen(path, &trio->service, laneEnds);
    TestProcessOpen(path, &trio->client, laneEnds);
    assert_int_equal(TestSetCms(&trio->manager.thread, trio->manager.taskID, 256), 0);
}

void DomainTrioClose(struct DomainTrio *trio)
{
    TestProcessClose(&trio->manager);
    TestProcessClose(&trio->service);
    TestProcessClose(&trio->client);
}

int DomainTrioSetUp(void **state)
{
    int status = DomainSetUp(state);
    if (status == 0) {
        DomainTrioOpen(&domainTrio, 4);
    }
    return status;
}

int DomainTrioTearDown(void **state)
{
    DomainTrioClose(&domainTrio);
    return DomainTearDown(state);
}
