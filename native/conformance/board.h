/* Scenarios that are compiled into the program. */
#ifndef CONFORMANCE_BOARD_H
#define CONFORMANCE_BOARD_H

#include <stddef.h>
#include <stdint.h>

struct BoardTable {
    const char *name;
    const uint32_t *words;
    size_t count;
};

/* Written by `npx liteipc conformance --board`. */
extern const struct BoardTable BOARD_TABLES[];
extern const size_t BOARD_TABLE_COUNT;

#endif
