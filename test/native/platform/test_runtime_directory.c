/* Tests the location of a domain's socket, and which directories are refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/runtime_directory.h"
#include "support/child.h"

static char root[64];

static int SetUp(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/liteipc-test-XXXXXX");
    assert_non_null(mkdtemp(root));
    setenv("XDG_RUNTIME_DIR", root, 1);
    return 0;
}

static int TearDown(void **state)
{
    (void)state;
    unsetenv("XDG_RUNTIME_DIR");
    unsetenv("TMPDIR");
    return rmdir(root);
}

static void NamesAreChecked(void **state)
{
    (void)state;
    char path[RUNTIME_PATH_SIZE];
    char longest[RUNTIME_NAME_MAX + 2];
    static const char *const bad[] = {"",    ".",   "..",          ".hidden", "a/b", "../a",
                                      "a b", "a\n", "caf\xc3\xa9", "a*",      "./a", "a:b"};
    for (size_t index = 0; index < sizeof(bad) / sizeof(bad[0]); index++) {
        assert_int_equal(RuntimeSocketPath(bad[index], true, path, sizeof(path)), -EINVAL);
    }
    assert_int_equal(RuntimeSocketPath(NULL, true, path, sizeof(path)), -EINVAL);
    memset(longest, 'x', sizeof(longest));
    longest[RUNTIME_NAME_MAX + 1] = '\0';
    assert_int_equal(RuntimeSocketPath(longest, true, path, sizeof(path)), -EINVAL);

    /* Nothing was created for an invalid name. */
    char made[128];
    snprintf(made, sizeof(made), "%s/liteipc", root);
    assert_int_equal(access(made, F_OK), -1);

    longest[RUNTIME_NAME_MAX] = '\0';
    int status = RuntimeSocketPath(longest, true, path, sizeof(path));
    assert_true(status == 0 || status == -ENAMETOOLONG);
    assert_int_equal(RuntimeSocketPath("Az09._-", true, path, sizeof(path)), 0);
    assert_int_equal(rmdir(made), 0);
}

static void RuntimeDirectoryIsCreatedPrivate(void **state)
{
    (void)state;
    char path[RUNTIME_PATH_SIZE], expected[RUNTIME_PATH_SIZE + 32], made[128];
    struct stat facts;

    assert_int_equal(RuntimeSocketPath("shop", false, path, sizeof(path)), -ENOENT);
    umask(0);
    assert_int_equal(RuntimeSocketPath("shop", true, path, sizeof(path)), 0);
    umask(022);
    snprintf(expected, sizeof(expected), "%s/liteipc/shop.sock", root);
    assert_string_equal(path, expected);
    snprintf(made, sizeof(made), "%s/liteipc", root);
    assert_int_equal(stat(made, &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0700);
    assert_int_equal(RuntimeSocketPath("shop", false, path, sizeof(path)), 0);
    assert_int_equal(RuntimeSocketPath("shop", true, path, sizeof(path)), 0);

    /* A buffer that is too small is an error; the path is never truncated. */
    assert_int_equal(RuntimeSocketPath("shop", true, path, strlen(expected)), -ENAMETOOLONG);
    assert_int_equal(RuntimeSocketPath("shop", true, path, strlen(expected) + 1), 0);

    static const mode_t open[] = {0750, 0701, 0777, 0500};
    for (size_t index = 0; index < sizeof(open) / sizeof(open[0]); index++) {
        assert_int_equal(chmod(made, open[index]), 0);
        assert_int_equal(RuntimeSocketPath("shop", true, path, sizeof(path)), -EPERM);
        assert_int_equal(RuntimeSocketPath("shop", false, path, sizeof(path)), -EPERM);
    }
    assert_int_equal(rmdir(made), 0);
}

static void OtherFilesThanADirectoryAreRefused(void **state)
{
    (void)state;
    char path[RUNTIME_PATH_SIZE], made[128], target[128];
    snprintf(made, sizeof(made), "%s/liteipc", root);
    snprintf(target, sizeof(target), "%s/target", root);

    assert_int_equal(mkdir(target, 0700), 0);
    assert_int_equal(symlink(target, made), 0);
    assert_int_equal(RuntimeSocketPath("shop", true, path, sizeof(path)), -EPERM);
    assert_int_equal(unlink(made), 0);
    assert_int_equal(rmdir(target), 0);

    FILE *file = fopen(made, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(RuntimeSocketPath("shop", true, path, sizeof(path)), -EPERM);
    assert_int_equal(unlink(made), 0);
}

static void DirectoryOfAnotherUserIsRefused(void **state)
{
    (void)state;
    char path[RUNTIME_PATH_SIZE], made[128];
    ChildRequire(CHILD_OTHER_USER);
    snprintf(made, sizeof(made), "%s/liteipc", root);
    assert_int_equal(mkdir(made, 0700), 0);
    assert_int_equal(chown(made, 12345, (gid_t)-1), 0);
    assert_int_equal(RuntimeSocketPath("shop", true, path, sizeof(path)), -EPERM);
    assert_int_equal(rmdir(made), 0);
}

static void TemporaryDirectoryIsUsedWithoutRuntimeDirectory(void **state)
{
    (void)state;
    char path[RUNTIME_PATH_SIZE], expected[RUNTIME_PATH_SIZE + 64], made[128];

    snprintf(made, sizeof(made), "%s/liteipc-%u", root, (unsigned)geteuid());
    snprintf(expected, sizeof(expected), "%s/shop.sock", made);
    setenv("TMPDIR", root, 1);
    static const char *const useless[] = {"", "relative/path"};
    for (size_t index = 0; index < 2; index++) {
        setenv("XDG_RUNTIME_DIR", useless[index], 1);
        assert_int_equal(RuntimeSocketPath("shop", true, path, sizeof(path)), 0);
        assert_string_equal(path, expected);
    }
    unsetenv("XDG_RUNTIME_DIR");
    assert_int_equal(chmod(made, 0755), 0);
    assert_int_equal(RuntimeSocketPath("shop", true, path, sizeof(path)), -EPERM);
    assert_int_equal(rmdir(made), 0);

    setenv("TMPDIR", "/nonexistent/liteipc", 1);
    assert_int_equal(RuntimeSocketPath("shop", true, path, sizeof(path)), -ENOENT);
}

static void AbsolutePathsAreUsedUnchanged(void **state)
{
    (void)state;
    char path[RUNTIME_PATH_SIZE], longPath[RUNTIME_PATH_SIZE + 1];

    assert_int_equal(RuntimeSocketPath("/run/x/shop", false, path, sizeof(path)), 0);
    assert_string_equal(path, "/run/x/shop");
    memset(longPath, 'x', sizeof(longPath));
    longPath[0] = '/';
    longPath[RUNTIME_PATH_SIZE] = '\0';
    assert_int_equal(RuntimeSocketPath(longPath, true, path, sizeof(path)), -ENAMETOOLONG);
    longPath[RUNTIME_PATH_SIZE - 1] = '\0';
    assert_int_equal(RuntimeSocketPath(longPath, true, path, sizeof(path)), 0);
    assert_string_equal(path, longPath);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(NamesAreChecked, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(RuntimeDirectoryIsCreatedPrivate, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(OtherFilesThanADirectoryAreRefused, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(DirectoryOfAnotherUserIsRefused, SetUp, TearDown),
        cmocka_unit_test_setup_teardown(TemporaryDirectoryIsUsedWithoutRuntimeDirectory, SetUp,
                                        TearDown),
        cmocka_unit_test_setup_teardown(AbsolutePathsAreUsedUnchanged, SetUp, TearDown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
