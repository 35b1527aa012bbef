/*
 * As much of cmocka as the tests of the parcel use, for targets that have no cmocka: the first assertion
 * that fails ends the program with status 1.
 */
#ifndef BARE_CMOCKA_H
#define BARE_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*function)(void **state);
};

#define cmocka_unit_test(test)                                                                     \
    {                                                                                              \
#test, test                                                                                \
    }

#define bare_check(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#define assert_true(value)              bare_check(value)
#define assert_false(value)             bare_check(!(value))
#define assert_non_null(value)          bare_check((value) != NULL)
#define assert_int_equal(a, b)          bare_check((long long)(a) == (long long)(b))
#define assert_ptr_equal(a, b)          bare_check((const void *)(a) == (const void *)(b))
#define assert_memory_equal(a, b, size) bare_check(memcmp(a, b, size) == 0)

static inline int BareRun(const struct CMUnitTest *tests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        void *state = NULL;
        tests[i].function(&state);
        printf("ok %s\n", tests[i].name);
    }
    return 0;
}

#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    BareRun(tests, sizeof(tests) / sizeof((tests)[0]))

#endif
