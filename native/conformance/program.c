#include "conformance/portable.h"

#include "conformance/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Size limit of the input. No real scenario comes near it; an endless table must not exhaust
 * memory.
 */
#define INPUT_MAX (64U * 1024U * 1024U)

/* Reads all of standard input. Returns NULL with `error` set on failure. */
static uint8_t *ReadInput(size_t *size, char error[TABLE_ERROR_SIZE])
{
    uint8_t *bytes = NULL;
    size_t room = 0;
    *size = 0;
    for (;;) {
        if (*size == room) {
            room = room == 0 ? 65536 : room * 2;
            uint8_t *grown = room > INPUT_MAX ? NULL : realloc(bytes, room);
            if (grown == NULL) {
                free(bytes);
                (void)snprintf(error, TABLE_ERROR_SIZE, "the table is too large");
                return NULL;
            }
            bytes = grown;
        }
        ssize_t length = read(STDIN_FILENO, bytes + *size, room - *size);
        if (length == 0) {
            return bytes;
        }
        if (length < 0 && errno != EINTR) {
            char name[32];
            (void)snprintf(error, TABLE_ERROR_SIZE, "the standard input: %s",
                           ErrorName(errno, name));
            free(bytes);
            return NULL;
        }
        *size += length > 0 ? (size_t)length : 0;
    }
}

int ProgramReadScenario(struct Scenario *scenario, char error[TABLE_ERROR_SIZE])
{
    size_t size;
    uint8_t *bytes = ReadInput(&size, error);
    if (bytes == NULL) {
        return -EIO;
    }
    size_t count = size / sizeof(uint32_t);
    uint32_t *words = malloc(size + 1);
    int status = words == NULL ? -ENOMEM : -EINVAL;
    (void)snprintf(error, TABLE_ERROR_SIZE, "%s",
                   words == NULL ? "out of memory" : "the table ends inside a word");
    if (words != NULL && size % sizeof(uint32_t) == 0) {
        for (size_t i = 0; i < count; i++) {
            const uint8_t *byte = bytes + i * sizeof(uint32_t);
            words[i] = (uint32_t)byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 |
                       (uint32_t)byte[3] << 24;
        }
        status = ScenarioDecode(words, count, scenario, error);
    }
    free(words);
    free(bytes);
    return status;
}

static void PrintString(const char *name, const char *text)
{
    (void)printf(",\"%s\":\"", name);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\') {
            (void)printf("\\%c", byte);
        } else if (byte < 0x20) {
            (void)printf("\\u%04x", byte);
        } else {
            (void)putchar(byte); /* names are UTF-8 already */
        }
    }
    (void)putchar('"');
}

enum ProgramStatus ProgramPrint(const struct RunResult *result)
{
    static const char *const NAMES[] = {
        [VERDICT_PASSED] = "passed",
        [VERDICT_FAILED] = "failed",
        [VERDICT_ERROR] = "error",
        [VERDICT_SKIPPED] = "skipped",
    };
    (void)printf("{\"result\":\"%s\"", NAMES[result->verdict]);
    if (result->verdict == VERDICT_FAILED) {
        (void)printf(",\"step\":%lu", (unsigned long)result->step);
        PrintString("wanted", result->difference.wanted);
        PrintString("came", result->difference.came);
    } else if (result->verdict != VERDICT_PASSED) {
        PrintString("message", result->message);
    }
    if (result->notChecked > 0) {
        (void)printf(",\"notChecked\":%lu", (unsigned long)result->notChecked);
    }
    (void)printf("}\n");
    (void)fflush(stdout);
    return result->verdict == VERDICT_FAILED  ? PROGRAM_FAILED
           : result->verdict == VERDICT_ERROR ? PROGRAM_ERROR
                                              : PROGRAM_PASSED;
}

enum ProgramStatus ProgramPrintError(const char *message)
{
    struct RunResult result = {.verdict = VERDICT_ERROR};
    (void)snprintf(result.message, sizeof(result.message), "%s", message);
    return ProgramPrint(&result);
}
