#include "platform/owned_descriptors.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#define BITS_PER_WORD 64U
#define WORDS_SIZE    (OWNED_DESCRIPTORS_MAX / 8U)

int OwnedInit(struct OwnedDescriptors *owned)
{
    void *memory = mmap(NULL, WORDS_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return -ENOMEM;
    }
    *owned = (struct OwnedDescriptors){.words = memory};
    (void)pthread_mutex_init(&owned->lock, NULL);
    return 0;
}

void OwnedDestroy(struct OwnedDescriptors *owned)
{
    if (owned->words != NULL) {
        (void)munmap(owned->words, WORDS_SIZE);
        (void)pthread_mutex_destroy(&owned->lock);
        owned->words = NULL;
    }
}

void OwnedEnter(struct OwnedDescriptors *owned)
{
    (void)pthread_mutex_lock(&owned->lock);
}

void OwnedLeave(struct OwnedDescriptors *owned)
{
    (void)pthread_mutex_unlock(&owned->lock);
}

/* Finds the word and the bit of a descriptor. Returns false if the number is too high. */
static bool Find(int descriptor, uint32_t *word, uint64_t *bit)
{
    *word = (uint32_t)descriptor / BITS_PER_WORD;
    *bit = 1ULL << ((uint32_t)descriptor % BITS_PER_WORD);
    return (uint32_t)descriptor < OWNED_DESCRIPTORS_MAX;
}

void OwnedAdd(struct OwnedDescriptors *owned, const int *descriptors, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t word;
        uint64_t bit;
        if (Find(descriptors[i], &word, &bit)) {
            owned->words[word] |= bit;
            owned->used = word < owned->used ? owned->used : word + 1;
        }
    }
}

void OwnedRelease(struct OwnedDescriptors *owned, const int *descriptors, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t word;
        uint64_t bit;
        if (Find(descriptors[i], &word, &bit)) {
            owned->words[word] &= ~bit;
        }
    }
}

void OwnedClose(struct OwnedDescriptors *owned, int descriptor)
{
    if (descriptor >= 0) {
        OwnedEnter(owned);
        OwnedRelease(owned, &descriptor, 1);
        (void)close(descriptor);
        OwnedLeave(owned);
    }
}

void OwnedCloseAll(struct OwnedDescriptors *owned)
{
    for (uint32_t word = 0; word < owned->used; word++) {
        for (uint64_t left = owned->words[word]; left != 0; left &= left - 1) {
            (void)close((int)(word * BITS_PER_WORD + (uint32_t)__builtin_ctzll(left)));
        }
    }
    (void)munmap(owned->words, WORDS_SIZE);
    owned->words = NULL;
    owned->used = 0;
    OwnedLeave(owned);
}
