/* Attacks memory descriptors that a process may only read. */
#ifndef LITEIPC_TEST_ATTACK_H
#define LITEIPC_TEST_ATTACK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Tries to write or change the memory behind `descriptor` in every way that Linux offers: a new
 * mapping, mprotect, reopening, write(2), truncation, holes, seals, /proc/self/mem. `mapping` is a
 * read-only mapping of it, or NULL. Returns true if every attempt was refused; otherwise prints the
 * successful attempt to stderr.
 */
bool AttackMemoryFails(const char *what, int descriptor, const void *mapping, size_t size);

/*
 * Returns the number of open descriptors of this process whose link in /proc/self/fd contains
 * `text`.
 */
unsigned AttackCountDescriptors(const char *text);

#endif
