/*
 * liteipc-conformance-board: runs the scenarios that are compiled into it against a device.
 *
 *   liteipc-conformance-board [--device PATH] [--list] [--builtin NAME] [NAME...]
 *
 * Without names it runs all scenarios. It prints a line for each scenario, then `N passed, N
 * failed, N skipped`. Exit status 0: none failed and none was left out because the device was used;
 * 1: otherwise; 2: wrong usage.
 *
 * A kernel never forgets a ServiceManager. The system has to be restarted after a scenario that
 * sets one; the scenarios after it are skipped, and the exit status is 1.
 */
#include "conformance/portable.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "conformance/board.h"
#include "conformance/device.h"
#include "conformance/probe.h"
#include "conformance/program.h"
#include "liteipc/hm_liteipc.h"

struct Tally {
    unsigned passed, failed, skipped, unused;
};

static void PrintResult(struct Tally *tally, const char *name, const struct RunResult *result)
{
    switch (result->verdict) {
        case VERDICT_PASSED:
            tally->passed++;
            (void)printf("ok   %s", name);
            break;
        case VERDICT_SKIPPED:
            tally->skipped++;
            (void)printf("skip %s: %s", name, result->message);
            break;
        case VERDICT_FAILED:
            tally->failed++;
            (void)printf("FAIL %s: step %lu: wanted %s, came %s", name, (unsigned long)result->step,
                         result->difference.wanted, result->difference.came);
            break;
        default:
            tally->failed++;
            (void)printf("FAIL %s: %s", name, result->message);
            break;
    }
    if (result->notChecked > 0) {
        (void)printf(" (%lu not checked)", (unsigned long)result->notChecked);
    }
    (void)printf("\n");
    (void)fflush(stdout);
}

static void RunTable(const struct BoardTable *table, struct DevicePath *device, struct Tally *tally)
{
    struct Scenario scenario;
    struct RunResult result;
    memset(&result, 0, sizeof(result));
    if (ScenarioDecode(table->words, table->count, &scenario, result.message) != 0) {
        result.verdict = VERDICT_ERROR;
        PrintResult(tally, table->name, &result);
        return;
    }
    bool isForHere = !(scenario.flags & TABLE_SKIP) &&
                     (!(scenario.flags & TABLE_LP64_ONLY) || sizeof(void *) == 8);
    int status = isForHere ? ProbeDevice(device->path, result.message, sizeof(result.message)) : 0;
    if (status == 0) {
        Run(&scenario, &DEVICE_PLATFORM, device, &result);
    } else {
        tally->unused += status == -EEXIST;
        result.verdict = status == -EEXIST ? VERDICT_SKIPPED : VERDICT_ERROR;
    }
    PrintResult(tally, table->name, &result);
    ScenarioFree(&scenario);
}

static int Usage(const char *program)
{
    (void)fprintf(stderr, "usage: %s [--device PATH] [--list] [--builtin NAME] [NAME...]\n",
                  program);
    return PROGRAM_ERROR;
}

static bool Exists(const char *name)
{
    for (size_t i = 0; i < BOARD_TABLE_COUNT; i++) {
        if (strcmp(BOARD_TABLES[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool IsChosen(const char *name, char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return count == 0;
}

static int RunTables(struct DevicePath *device, char *const *names, int count)
{
    struct Tally tally = {0, 0, 0, 0};
    for (size_t i = 0; i < BOARD_TABLE_COUNT; i++) {
        if (IsChosen(BOARD_TABLES[i].name, names, count)) {
            RunTable(&BOARD_TABLES[i], device, &tally);
        }
    }
    (void)printf("%u passed, %u failed, %u skipped\n", tally.passed, tally.failed, tally.skipped);
    return tally.failed == 0 && tally.unused == 0 ? PROGRAM_PASSED : PROGRAM_FAILED;
}

int main(int argc, char **argv)
{
    struct DevicePath device = {.path = LITEIPC_DRIVER};
    const char *program = argv[0];
    int count = 0; /* number of names, which are collected at the beginning of argv */
    for (int i = 1; i < argc; i++) {
        bool hasValue = i + 1 < argc;
        if (strcmp(argv[i], "--list") == 0) {
            for (size_t table = 0; table < BOARD_TABLE_COUNT; table++) {
                (void)printf("%s\n", BOARD_TABLES[table].name);
            }
            return PROGRAM_PASSED;
        }
        if (strcmp(argv[i], "--device") == 0 && hasValue) {
            device.path = argv[++i];
        } else if (strcmp(argv[i], "--builtin") == 0 && hasValue) {
            argv[count++] = argv[++i];
        } else if (argv[i][0] != '-') {
            argv[count++] = argv[i];
        } else {
            return Usage(program);
        }
    }
    for (int i = 0; i < count; i++) {
        if (!Exists(argv[i])) {
            (void)fprintf(stderr, "there is no scenario %s; --list names them\n", argv[i]);
            return PROGRAM_ERROR;
        }
    }
    (void)signal(SIGPIPE, SIG_IGN);
    return RunTables(&device, argv, count);
}
