/*
 * Reads the bytes of a fuzzer's input as numbers. After the end every number is 0.
 */
#ifndef LITEIPC_FUZZ_INPUT_H
#define LITEIPC_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct Input {
    const uint8_t *next;
    size_t left; /* bytes */
};

static inline void InputBytes(struct Input *input, void *bytes, size_t size)
{
    size_t available = size < input->left ? size : input->left;
    memset(bytes, 0, size);
    if (available > 0) {
        memcpy(bytes, input->next, available);
    }
    input->next += available;
    input->left -= available;
}

static inline uint8_t InputByte(struct Input *input)
{
    uint8_t byte;
    InputBytes(input, &byte, sizeof(byte));
    return byte;
}

static inline uint32_t InputWord(struct Input *input)
{
    uint32_t word;
    InputBytes(input, &word, sizeof(word));
    return word;
}

#endif
