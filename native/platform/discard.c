#include "platform/discard.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#define STACK_SIZE (64 * 1024)

static void *CloseIt(void *descriptor)
{
    (void)close((int)(intptr_t)descriptor);
    return NULL;
}

static bool CloseElsewhere(int descriptor)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
    (void)sigfillset(&all); /* this thread must not handle the program's signals */
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    bool created = pthread_create(&thread, &attributes, CloseIt, (void *)(intptr_t)descriptor) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return created;
}

void DescriptorDiscard(int descriptor)
{
    if (descriptor < 0) {
        return;
    }
    bool harmless = fcntl(descriptor, F_GETPIPE_SZ) > 0 || fcntl(descriptor, F_GET_SEALS) >= 0;
    if (harmless || !CloseElsewhere(descriptor)) {
        (void)close(descriptor);
    }
}
