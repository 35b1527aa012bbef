/*
 * Reads the words of a table in order. After the first error, which `status` and `error` describe,
 * every function returns 0 or NULL and reads nothing.
 */
#ifndef CONFORMANCE_TABLE_READER_H
#define CONFORMANCE_TABLE_READER_H

#include "conformance/table.h"

struct TableReader {
    const uint32_t *words;
    size_t count, position; /* words */
    struct Scenario *scenario;
    struct Block *blocks;
    int status;
    char *error; /* TABLE_ERROR_SIZE bytes */
};

/* Defined in table.c. */
void ReaderFail(struct TableReader *reader, const char *format, ...);
uint32_t ReadWord(struct TableReader *reader);
/* Reads a word below `limit`. `what` names the word in the error. */
uint32_t ReadBelow(struct TableReader *reader, uint32_t limit, const char *what);
/* The same; also accepts TABLE_NONE. */
uint32_t ReadBelowOrNone(struct TableReader *reader, uint32_t limit, const char *what);
uint64_t ReadLong(struct TableReader *reader);
/* Reads the count of a list: at most `limit`, and at most the number of words left. */
uint32_t ReadCount(struct TableReader *reader, uint32_t limit, const char *what);
/* Reads a string and adds a NUL. The scenario owns the string. */
const char *ReadBytes(struct TableReader *reader, uint32_t *length);
const char *ReadName(struct TableReader *reader);
/* Allocates zeroed memory, which is freed with the scenario. */
void *ReaderAllocate(struct TableReader *reader, size_t count, size_t size);

/* Defined in table_step.c. */
void ReadStep(struct TableReader *reader, struct Step *step);

/* Defined in table_message.c. */
struct Value ReadValue(struct TableReader *reader);
const struct OutMessage *ReadOut(struct TableReader *reader);
const struct WantedMessage *ReadWanted(struct TableReader *reader);

#endif
