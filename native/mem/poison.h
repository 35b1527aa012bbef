/*
 * Marks inaccessible memory for AddressSanitizer builds: an access to a freed node is then reported
 * like an access to freed heap memory. Does nothing in other builds.
 */
#ifndef LITEIPC_MEM_POISON_H
#define LITEIPC_MEM_POISON_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEMORY_POISONS 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define MEMORY_POISONS 1
#endif

#ifdef MEMORY_POISONS

#include <sanitizer/asan_interface.h>

static inline void MemoryPoison(const void *memory, size_t bytes)
{
    __asan_poison_memory_region(memory, bytes);
}

static inline void MemoryUnpoison(const void *memory, size_t bytes)
{
    __asan_unpoison_memory_region(memory, bytes);
}

#else

#define MEMORY_POISONS 0

static inline void MemoryPoison(const void *memory, size_t bytes)
{
    (void)memory;
    (void)bytes;
}

static inline void MemoryUnpoison(const void *memory, size_t bytes)
{
    (void)memory;
    (void)bytes;
}

#endif

#endif
