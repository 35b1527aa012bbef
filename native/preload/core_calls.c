/*
 * Implements the libc functions that the core calls. The linker's --wrap (preloadWraps in
 * sources.json) binds the core's calls to them, inside the library: the core never calls an
 * interposed function, and every descriptor that the core creates is recorded here.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/control_blocks.h"
#include "platform/owned_descriptors.h"
#include "preload/libc_calls.h"
#include "preload/shim.h"

/*
 * The functions behind pthread_cleanup_push. Weak, because the other libc does not have them and
 * its programs must still start; they are never called there.
 */
#ifdef __GLIBC__
#pragma weak __pthread_register_cancel
#pragma weak __pthread_unregister_cancel
#pragma weak __pthread_unwind_next
#else
#pragma weak _pthread_cleanup_push
#pragma weak _pthread_cleanup_pop
#endif

/* The linker defines these names. */
int __real_socket(int domain, int type, int protocol);
int __real_socketpair(int domain, int type, int protocol, int ends[2]);
int __real_epoll_create1(int flags);
int __real_epoll_wait(int epoll, struct epoll_event *events, int maximum, int timeoutMs);
int __real_eventfd(unsigned initial, int flags);
int __real_memfd_create(const char *name, unsigned flags);
int __real_pipe2(int ends[2], int flags);
ssize_t __real_recvmsg(int socket, struct msghdr *packet, int flags);
void __real_OwnedRelease(struct OwnedDescriptors *owned, const int *descriptors, unsigned count);
int __real_DescriptorsTake(struct OwnedDescriptors *owned, int socket,
                           struct DescriptorBatch *batch);

int __wrap_socket(int domain, int type, int protocol);
int __wrap_socketpair(int domain, int type, int protocol, int ends[2]);
int __wrap_epoll_create1(int flags);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int maximum, int timeoutMs);
int __wrap_eventfd(unsigned initial, int flags);
int __wrap_memfd_create(const char *name, unsigned flags);
int __wrap_pipe2(int ends[2], int flags);
int __wrap_open(const char *path, int flags, ...);
int __wrap_fcntl(int descriptor, int command, ...);
int __wrap_ioctl(int descriptor, unsigned long request, ...);
int __wrap_close(int descriptor);
void *__wrap_mmap(void *address, size_t size, int prot, int flags, int descriptor, off_t offset);
int __wrap_munmap(void *address, size_t size);
ssize_t __wrap_recvmsg(int socket, struct msghdr *packet, int flags);
void __wrap_OwnedRelease(struct OwnedDescriptors *owned, const int *descriptors, unsigned count);
int __wrap_DescriptorsTake(struct OwnedDescriptors *owned, int socket,
                           struct DescriptorBatch *batch);

/* Set while the program will own the received descriptors: their numbers are not changed. */
static _Thread_local bool forProgram;

int __wrap_socket(int domain, int type, int protocol)
{
    return OwnDescriptorsAdopt(__real_socket(domain, type, protocol));
}

static int AdoptPair(int status, int ends[2])
{
    if (status == 0) {
        ends[0] = OwnDescriptorsAdopt(ends[0]);
        ends[1] = OwnDescriptorsAdopt(ends[1]);
    }
    return status;
}

int __wrap_socketpair(int domain, int type, int protocol, int ends[2])
{
    return AdoptPair(__real_socketpair(domain, type, protocol, ends), ends);
}

int __wrap_epoll_create1(int flags)
{
    return OwnDescriptorsAdopt(__real_epoll_create1(flags));
}

int __wrap_eventfd(unsigned initial, int flags)
{
    return OwnDescriptorsAdopt(__real_eventfd(initial, flags));
}

int __wrap_memfd_create(const char *name, unsigned flags)
{
    return OwnDescriptorsAdopt(__real_memfd_create(name, flags));
}

int __wrap_pipe2(int ends[2], int flags)
{
    return AdoptPair(__real_pipe2(ends, flags), ends);
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return OwnDescriptorsAdopt(LibcOpenAt(AT_FDCWD, path, flags, mode));
}

int __wrap_fcntl(int descriptor, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    unsigned long argument = va_arg(arguments, unsigned long);
    va_end(arguments);
    int result = LibcFcntl(descriptor, command, argument);
    if (command == F_DUPFD_CLOEXEC || command == F_DUPFD) {
        result = OwnDescriptorsAdopt(result);
    }
    return result;
}

int __wrap_ioctl(int descriptor, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    unsigned long argument = va_arg(arguments, unsigned long);
    va_end(arguments);
    return LibcIoctl(descriptor, request, argument);
}

int __wrap_close(int descriptor)
{
    OwnDescriptorsRemove(descriptor);
    return LibcClose(descriptor);
}

void *__wrap_mmap(void *address, size_t size, int prot, int flags, int descriptor, off_t offset)
{
    return LibcMmap(address, size, prot, flags, descriptor, offset);
}

int __wrap_munmap(void *address, size_t size)
{
    return LibcMunmap(address, size);
}

ssize_t __wrap_recvmsg(int socket, struct msghdr *packet, int flags)
{
    ssize_t length = __real_recvmsg(socket, packet, flags);
    if (length < 0) {
        return length;
    }
    for (struct cmsghdr *header = CMSG_FIRSTHDR(packet); header != NULL;
         header = CMSG_NXTHDR(packet, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            unsigned char *place = CMSG_DATA(header) + i * sizeof(int);
            int descriptor;
            memcpy(&descriptor, place, sizeof(descriptor));
            if (forProgram) {
                OwnDescriptorsAdd(descriptor);
            } else {
                descriptor = OwnDescriptorsAdopt(descriptor);
                memcpy(place, &descriptor, sizeof(descriptor));
            }
        }
    }
    return length;
}

/*
 * The descriptor of an OBJ_FD has been delivered (or is about to be closed): it is not the core's
 * any more.
 */
void __wrap_OwnedRelease(struct OwnedDescriptors *owned, const int *descriptors, unsigned count)
{
    __real_OwnedRelease(owned, descriptors, count);
    for (unsigned i = 0; i < count; i++) {
        OwnDescriptorsRemove(descriptors[i]);
    }
}

int __wrap_DescriptorsTake(struct OwnedDescriptors *owned, int socket,
                           struct DescriptorBatch *batch)
{
    forProgram = true;
    int taken = __real_DescriptorsTake(owned, socket, batch);
    forProgram = false;
    return taken;
}

/*
 * The only wait without a timeout in an operation. pthread_cancel(3) takes effect here, if
 * ShimAllowCancel has allowed it: no lock is held.
 */
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int maximum, int timeoutMs)
{
    if (timeoutMs == 0 || !ShimCancelAllowed()) {
        return __real_epoll_wait(epoll, events, maximum, timeoutMs);
    }
    int type, state, count, error;
    (void)pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
    pthread_cleanup_push(ShimCancelled, NULL);
    (void)pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
    count = __real_epoll_wait(epoll, events, maximum, timeoutMs);
    error = errno;
    (void)pthread_setcancelstate(state, NULL);
    pthread_cleanup_pop(0);
    (void)pthread_setcanceltype(type, NULL);
    errno = error;
    return count;
}
