/*
 * Encodes and decodes the kinds of MessagePack that the programs of this folder exchange with
 * services in TypeScript.
 */
#ifndef MESSAGEPACK_H
#define MESSAGEPACK_H

#include "device.h"

struct Pack {
    uint32_t size;
    unsigned char bytes[8192];
};

static inline void PackByte(struct Pack *pack, unsigned byte)
{
    CHECK(pack->size < sizeof(pack->bytes));
    pack->bytes[pack->size++] = (unsigned char)byte;
}

/* Writes a map of up to 15 pairs. */
static inline void PackMap(struct Pack *pack, unsigned pairs)
{
    PackByte(pack, 0x80 | pairs);
}

static inline void PackArray(struct Pack *pack, unsigned elements)
{
    PackByte(pack, 0x90 | elements);
}

static inline void PackText(struct Pack *pack, const char *text)
{
    size_t length = strlen(text);
    CHECK(length < 256);
    if (length < 32) {
        PackByte(pack, 0xA0 | (unsigned)length);
    } else {
        PackByte(pack, 0xD9);
        PackByte(pack, (unsigned)length);
    }
    for (size_t i = 0; i < length; i++) {
        PackByte(pack, (unsigned char)text[i]);
    }
}

static inline void PackNumber(struct Pack *pack, uint32_t number)
{
    if (number < 0x80) {
        PackByte(pack, number);
        return;
    }
    PackByte(pack, 0xCE);
    for (int shift = 24; shift >= 0; shift -= 8) {
        PackByte(pack, (number >> shift) & 0xFF);
    }
}

/* Writes up to 65,535 bytes. */
static inline void PackBytes(struct Pack *pack, const unsigned char *bytes, uint32_t size)
{
    PackByte(pack, 0xC5);
    PackByte(pack, size >> 8);
    PackByte(pack, size & 0xFF);
    CHECK(size <= sizeof(pack->bytes) - pack->size);
    memcpy(pack->bytes + pack->size, bytes, size);
    pack->size += size;
}

/* The unread part of a message. */
struct Unpack {
    const unsigned char *bytes;
    uint32_t size;
};

static inline unsigned UnpackByte(struct Unpack *unpack)
{
    CHECK(unpack->size > 0);
    unpack->size--;
    return *unpack->bytes++;
}

static inline unsigned UnpackMap(struct Unpack *unpack)
{
    unsigned byte = UnpackByte(unpack);
    CHECK((byte & 0xF0) == 0x80);
    return byte & 0x0F;
}

static inline unsigned UnpackArray(struct Unpack *unpack)
{
    unsigned byte = UnpackByte(unpack);
    CHECK((byte & 0xF0) == 0x90);
    return byte & 0x0F;
}

static inline uint32_t UnpackNumber(struct Unpack *unpack)
{
    unsigned byte = UnpackByte(unpack);
    uint32_t number = 0;
    if (byte < 0x80) {
        return byte;
    }
    CHECK(byte >= 0xCC && byte <= 0xCE);
    for (unsigned i = 0; i < 1U << (byte - 0xCC); i++) {
        number = number << 8 | UnpackByte(unpack);
    }
    return number;
}

/* Copies a text that is shorter than `size` bytes. */
static inline void UnpackText(struct Unpack *unpack, char *text, uint32_t size)
{
    unsigned byte = UnpackByte(unpack);
    uint32_t length = (byte & 0xE0) == 0xA0 ? byte & 0x1F
                      : byte == 0xD9        ? UnpackByte(unpack)
                                            : UINT32_MAX;
    CHECK(length < size && length <= unpack->size);
    memcpy(text, unpack->bytes, length);
    text[length] = '\0';
    unpack->bytes += length;
    unpack->size -= length;
}

/* Returns the position of bytes and their number. */
static inline const unsigned char *UnpackBytes(struct Unpack *unpack, uint32_t *size)
{
    unsigned byte = UnpackByte(unpack);
    CHECK(byte == 0xC4 || byte == 0xC5);
    *size = UnpackByte(unpack);
    if (byte == 0xC5) {
        *size = *size << 8 | UnpackByte(unpack);
    }
    const unsigned char *bytes = unpack->bytes;
    CHECK(*size <= unpack->size);
    unpack->bytes += *size;
    unpack->size -= *size;
    return bytes;
}

/* Computes FNV-1a of a contract's shape, which has a line "kind name" per method. */
static inline uint32_t ShapeHash(const char *shape)
{
    uint32_t hash = 0x811C9DC5;
    for (; *shape != '\0'; shape++) {
        hash = (hash ^ (unsigned char)*shape) * 0x01000193;
    }
    return hash;
}

#endif
