/* Shared by the programs: reads a table from standard input and prints the result as JSON. */
#ifndef CONFORMANCE_PROGRAM_H
#define CONFORMANCE_PROGRAM_H

#include "conformance/run.h"

enum ProgramStatus {
    PROGRAM_PASSED = 0, /* or skipped */
    PROGRAM_FAILED = 1,
    PROGRAM_ERROR = 2,
};

/*
 * Reads words, low byte first, until the end of standard input, and decodes them. Returns 0, or a
 * negative errno with a sentence in `error`.
 */
int ProgramReadScenario(struct Scenario *scenario, char error[TABLE_ERROR_SIZE]);
/* Writes one JSON object and a line end to standard output. Returns the exit status. */
enum ProgramStatus ProgramPrint(const struct RunResult *result);
/* Writes the same object for a table that cannot be run. */
enum ProgramStatus ProgramPrintError(const char *message);

#endif
