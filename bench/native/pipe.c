/*
 * Measures two pipes between two processes with blocking read and write.
 *
 * round-trip:  the client writes a request, the server reads it and writes the same bytes back, the
 *              client reads them; one at a time. The time runs from before the write to after the
 *              read.
 * one-way:     the client writes one message per write; the server reads up to 64 KiB at once. The
 *              server measures the rate.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/stream.h"

int main(int argumentCount, char **arguments)
{
    struct BenchOptions options;
    int requests[2];
    int replies[2];

    if (BenchOptionsParse(&options, argumentCount, arguments, NULL, NULL) != 0) {
        return EXIT_FAILURE;
    }
    if (pipe(requests) != 0 || pipe(replies) != 0) {
        perror("pipe");
        return EXIT_FAILURE;
    }
    struct StreamPair pair = {
        .name = "pipe",
        .clientWrite = requests[1],
        .serverRead = requests[0],
        .serverWrite = replies[1],
        .clientRead = replies[0],
    };
    int status = StreamPairRun(&pair, &options);
    if (status != 0) {
        fprintf(stderr, "%s: %s\n", pair.name, strerror(-status));
    }
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
