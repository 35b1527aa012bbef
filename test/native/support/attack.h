/* What a process tries with descriptors of memory that it may only read. */
#ifndef LITEIPC_TEST_ATTACK_H
#define LITEIPC_TEST_ATTACK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Tries to write or change the memory behind `descriptor` in every way that Linux has: mapping it
 * again, mprotect, reopening it, write(2), truncation, holes, seals, /proc/self/mem. `mapping` is a
 * read-only mapping of it, or NULL. True if everything was refused; else says on stderr what was
 * not.
 */
bool AttackMemoryFails(const char *what, int descriptor, const void *mapping, size_t size);

/* Open descriptors of this process whose link in /proc/self/fd contains this text. */
unsigned AttackCountDescriptors(const char *text);

#endif
