/* Tests which users may reach a domain: the modes of its directory and its socket. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/actors.h"
#include "support/child.h"

/* Checks whether it can connect. */
static int VisitorRole(const char *domain, const char *argument)
{
    struct LiteIpcDevice *device;
    int status = LiteIpcDeviceAttach(domain, &device);
    (void)argument;
    if (status == 0) {
        LiteIpcDeviceDetach(device);
    }
    return -status;
}

static const struct ChildRole roles[] = {{"visitor", VisitorRole}, {NULL, NULL}};

static int Visit(const char *domain, uint32_t uid)
{
    struct Child child;
    ChildStart(&child, "visitor", domain, "", uid);
    return -ChildEnd(&child);
}

/*
 * The default directory has mode 0700. In a directory with wider permissions, the mode of the
 * socket decides.
 */
static void Visitors(uint32_t uid)
{
    struct Stage stage;
    char path[128];
    bool isOther = uid != CHILD_SAME_USER;

    ChildRequire(uid);
    StageOpen(&stage, LITEIPC_PROFILE_HOST);
    assert_int_equal(Visit(LiteIpcDomainPath(stage.domain), uid), isOther ? -EACCES : 0);
    assert_int_equal(Visit("stage", CHILD_SAME_USER), 0);
    LiteIpcDomainStop(stage.domain);
    stage.domain = NULL;
    assert_int_equal(Visit("stage", CHILD_SAME_USER), -ENODEV);

    assert_int_equal(chmod(stage.directory, 0711), 0);
    snprintf(path, sizeof(path), "%s/by-path.sock", stage.directory);
    static const uint32_t modes[] = {0, 0600, 0660, 0666};
    for (int i = 0; i < 4; i++) {
        struct LiteIpcDomainOptions options = {.name = path,
                                               .profile = LITEIPC_PROFILE_HOST,
                                               .socketMode = modes[i],
                                               .socketGid = (uint32_t)-1};
        assert_int_equal(LiteIpcDomainStart(&options, &stage.domain), 0);
        assert_int_equal(Visit(path, uid), isOther && modes[i] != 0666 ? -EACCES : 0);
        LiteIpcDomainStop(stage.domain);
        stage.domain = NULL;
    }
    StageClose(&stage);
}

static void OwnUserReachesEveryDomain(void **state)
{
    (void)state;
    Visitors(CHILD_SAME_USER);
}

static void OtherUserNeedsThePermissionsOfDirectoryAndSocket(void **state)
{
    (void)state;
    Visitors(CHILD_OTHER_USER);
}

int main(int count, char **arguments)
{
    ChildRunIfAsked(count, arguments, roles);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(OwnUserReachesEveryDomain),
        cmocka_unit_test(OtherUserNeedsThePermissionsOfDirectoryAndSocket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
