/* Tests the set of descriptors that a forked child closes. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/owned_descriptors.h"

static const int NUMBERS[] = {63, 64, 127, 128, 500, 1000};
#define COUNT (sizeof(NUMBERS) / sizeof(NUMBERS[0]))

static struct OwnedDescriptors owned;

static bool IsOpen(int descriptor)
{
    return fcntl(descriptor, F_GETFD) >= 0;
}

static int SetUp(void **state)
{
    (void)state;
    assert_int_equal(OwnedInit(&owned), 0);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, NUMBERS[i]), NUMBERS[i]);
    }
    return 0;
}

static int TearDown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        (void)close(NUMBERS[i]);
    }
    OwnedDestroy(&owned);
    OwnedDestroy(&owned); /* a second call does nothing */
    return 0;
}
#define OWNED_TEST(test) cmocka_unit_test_setup_teardown(test, SetUp, TearDown)

static void Add(const int *descriptors, unsigned count)
{
    OwnedEnter(&owned);
    OwnedAdd(&owned, descriptors, count);
    OwnedLeave(&owned);
}

static void CloseAll(void)
{
    OwnedEnter(&owned);
    OwnedCloseAll(&owned);
}

static void OwnedDescriptorsAreClosed(void **state)
{
    (void)state;
    Add(NUMBERS, COUNT);
    Add(NUMBERS, COUNT); /* adding twice counts once */
    OwnedEnter(&owned);
    OwnedRelease(&owned, &NUMBERS[1], 2); /* releases 64 and 127 */
    OwnedRelease(&owned, (int[]){62, 65}, 2);
    OwnedLeave(&owned);
    CloseAll();
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(IsOpen(NUMBERS[i]), i == 1 || i == 2);
    }
    assert_true(IsOpen(STDIN_FILENO));
    OwnedEnter(&owned); /* operations that are still allowed */
    OwnedLeave(&owned);
}

static void NothingIsClosedTwice(void **state)
{
    (void)state;
    Add(NUMBERS, COUNT);
    OwnedClose(&owned, -1);
    OwnedClose(&owned, NUMBERS[COUNT - 1]);
    assert_false(IsOpen(NUMBERS[COUNT - 1]));
    OwnedClose(&owned, NUMBERS[0]);
    /* Belongs to another owner. */
    assert_int_equal(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, NUMBERS[0]), NUMBERS[0]);
    CloseAll();
    assert_true(IsOpen(NUMBERS[0]));
    assert_false(IsOpen(NUMBERS[1]));
}

static void EmptySetClosesNothing(void **state)
{
    (void)state;
    CloseAll();
    for (unsigned i = 0; i < COUNT; i++) {
        assert_true(IsOpen(NUMBERS[i]));
    }
}

static void NumbersBeyondTheSetStayOpen(void **state)
{
    const int beyond[] = {(int)OWNED_DESCRIPTORS_MAX, INT32_MAX, -1, INT32_MIN};
    const int last = (int)OWNED_DESCRIPTORS_MAX - 1;
    (void)state;
    Add(beyond, 4);
    Add(&last, 1); /* it is not open: closing it has no effect */
    OwnedEnter(&owned);
    OwnedRelease(&owned, beyond, 4);
    OwnedLeave(&owned);
    Add(NUMBERS, 1);
    CloseAll();
    assert_false(IsOpen(NUMBERS[0]));
    assert_true(IsOpen(NUMBERS[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OWNED_TEST(OwnedDescriptorsAreClosed),
        OWNED_TEST(NothingIsClosedTwice),
        OWNED_TEST(EmptySetClosesNothing),
        OWNED_TEST(NumbersBeyondTheSetStayOpen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
