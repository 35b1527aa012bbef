/*
 * Selects the interfaces that the engine needs of the system: POSIX only. Every file includes this
 * header first, so that the folder compiles with plain `cc -std=c11`.
 */
#ifndef CONFORMANCE_PORTABLE_H
#define CONFORMANCE_PORTABLE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#endif
