/*
 * What the engine needs of the system: POSIX and nothing else. Included first by every file, so
 * that the folder compiles with plain `cc -std=c11`, whatever the C library hides in that mode.
 */
#ifndef CONFORMANCE_PORTABLE_H
#define CONFORMANCE_PORTABLE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#endif
