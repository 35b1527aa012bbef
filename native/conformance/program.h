/* What the programs share: reading a table from the standard input, telling the result as JSON. */
#ifndef CONFORMANCE_PROGRAM_H
#define CONFORMANCE_PROGRAM_H

#include "conformance/run.h"

enum ProgramStatus {
    PROGRAM_PASSED = 0, /* or skipped */
    PROGRAM_FAILED = 1,
    PROGRAM_ERROR = 2,
};

/*
 * Reads words, low byte first, until the end of the standard input, and decodes them. 0, or a
 * negative errno with a sentence in `error`.
 */
int ProgramReadScenario(struct Scenario *scenario, char error[TABLE_ERROR_SIZE]);
/* Writes one JSON object and a line end to the standard output. Returns the exit status. */
enum ProgramStatus ProgramPrint(const struct RunResult *result);
/* The same for a table that cannot be run. */
enum ProgramStatus ProgramPrintError(const char *message);

#endif
