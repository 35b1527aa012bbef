/*
 * Reading words one after another. After the first error every function returns 0 or NULL and reads
 * nothing more; `status` and `error` tell it.
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

void ReaderFail(struct TableReader *reader, const char *format, ...);
uint32_t ReadWord(struct TableReader *reader);
/* A word below `limit`; `what` it is, for the error. */
uint32_t ReadBelow(struct TableReader *reader, uint32_t limit, const char *what);
/* The same, or TABLE_NONE. */
uint32_t ReadBelowOrNone(struct TableReader *reader, uint32_t limit, const char *what);
uint64_t ReadLong(struct TableReader *reader);
/* The count of a list: at most `limit`, and not more than there are words left. */
uint32_t ReadCount(struct TableReader *reader, uint32_t limit, const char *what);
/* A string with a NUL after it; owned by the scenario. */
const char *ReadBytes(struct TableReader *reader, uint32_t *length);
const char *ReadName(struct TableReader *reader);
/* Zeroed memory that lives as long as the scenario. */
void *ReaderAllocate(struct TableReader *reader, size_t count, size_t size);

/* table_step.c, table_message.c */
void ReadStep(struct TableReader *reader, struct Step *step);
struct Value ReadValue(struct TableReader *reader);
const struct OutMessage *ReadOut(struct TableReader *reader);
const struct WantedMessage *ReadWanted(struct TableReader *reader);

#endif
