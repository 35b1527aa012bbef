/*
 * The errors that a scenario may want, in the order of `errorNames` in lib/conformance/scenario.ts.
 */
#include "conformance/portable.h"

#include <errno.h>
#include <stdio.h>

#include "conformance/table.h"

#ifndef ERFKILL
#define ERFKILL 132 /* Linux's, which LiteOS-A shares; some C libraries do not name it */
#endif

static const struct {
    const char *name;
    int number;
} WANTS[] = {
    {"OK", 0},          {"FAIL", 0},          {"EINVAL", EINVAL}, {"EACCES", EACCES},
    {"ENOMEM", ENOMEM}, {"EEXIST", EEXIST},   {"EFAULT", EFAULT}, {"ETIME", ETIME},
    {"ENOENT", ENOENT}, {"ERFKILL", ERFKILL}, {"EBADF", EBADF},   {"ENODEV", ENODEV},
    {"EAGAIN", EAGAIN}, {"EPERM", EPERM},     {"EMFILE", EMFILE}, {"EMSGSIZE", EMSGSIZE},
};

uint32_t WantCount(void)
{
    return sizeof(WANTS) / sizeof(WANTS[0]);
}

int WantErrno(uint32_t want)
{
    return WANTS[want].number;
}

const char *WantName(uint32_t want)
{
    return WANTS[want].name;
}

const char *ErrorName(int error, char text[32])
{
    for (uint32_t i = WANT_FIRST_ERROR; i < WantCount(); i++) {
        if (WANTS[i].number == error) {
            return WANTS[i].name;
        }
    }
    (void)snprintf(text, 32, "errno %d", error);
    return text;
}
