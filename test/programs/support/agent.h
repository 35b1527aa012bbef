/*
 * Defines an agent: one process of the torture test that uses the ioctl API and calls or serves
 * until it is killed. It reports on standard output, one line each:
 *   failed PID TEXT    an unexpected result
 *   answers PID COUNT  number of correct answers, about once a second
 */
#ifndef LITEIPC_TEST_AGENT_H
#define LITEIPC_TEST_AGENT_H

#include <stddef.h>
#include <stdint.h>

#define AGENT_SERVICES_MAX 32

/* Encoded messages to the ServiceManager, created by the program that knows its contract. */
struct AgentMessage {
    size_t size; /* bytes */
    unsigned char bytes[1024];
};

struct AgentService {
    char name[64];
    struct AgentMessage registration, lookup;
};

struct AgentOptions {
    const char *domain;
    const struct AgentService *services;
    uint32_t serviceCount;
    uint32_t serve; /* AgentServe: index of its service */
    uint64_t seed;
};

/*
 * Call with SIGTERM blocked. Each function runs until SIGTERM, closes everything and returns the
 * exit status.
 */
int AgentServe(const struct AgentOptions *options);
/* Calls random services from one or two threads. */
int AgentCall(const struct AgentOptions *options);
/* Repeatedly opens a device, makes a few calls and closes it. */
int AgentFlicker(const struct AgentOptions *options);

#endif
