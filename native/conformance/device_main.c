/*
 * liteipc-conformance-device: runs one scenario against a device. Each of its processes is an OS
 * process. The device must be unused.
 *
 *   liteipc-conformance-device [--device PATH] < TABLE
 *                                    one JSON object on standard output; exit status 0, 1 or 2
 */
#include "conformance/portable.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include "conformance/device.h"
#include "conformance/probe.h"
#include "conformance/program.h"
#include "liteipc/hm_liteipc.h"

int main(int argc, char **argv)
{
    struct DevicePath device = {.path = LITEIPC_DRIVER};
    struct Scenario scenario;
    struct RunResult result;
    char error[TABLE_ERROR_SIZE];
    if (argc == 3 && strcmp(argv[1], "--device") == 0) {
        device.path = argv[2];
    } else if (argc != 1) {
        (void)fprintf(stderr, "usage: %s [--device PATH] < TABLE\n", argv[0]);
        return PROGRAM_ERROR;
    }
#if defined(__linux__)
    /*
     * A runner that was killed does not read the report. The workers end with this process.
     */
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
    (void)signal(SIGPIPE, SIG_IGN);
    if (ProgramReadScenario(&scenario, error) != 0) {
        return ProgramPrintError(error);
    }
    if (ProbeDevice(device.path, error, sizeof(error)) != 0) {
        ScenarioFree(&scenario);
        return ProgramPrintError(error);
    }
    Run(&scenario, &DEVICE_PLATFORM, &device, &result);
    ScenarioFree(&scenario);
    return ProgramPrint(&result);
}
