/*
 * An agent: one process of the torture test, written against the ioctl face, that calls or serves
 * until it is killed. What it has to tell goes to standard output, a line each:
 *   failed PID TEXT    something that must not happen, happened
 *   answers PID COUNT  right answers so far, about once a second
 */
#ifndef LITEIPC_TEST_AGENT_H
#define LITEIPC_TEST_AGENT_H

#include <stddef.h>
#include <stdint.h>

#define AGENT_SERVICES_MAX 32

/* Encoded messages to the ServiceManager, made by whoever knows its contract. */
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
    uint32_t serve; /* AgentServe: index of the service that it is */
    uint64_t seed;
};

/*
 * Called with SIGTERM blocked. Each runs until SIGTERM, then closes everything and returns the exit
 * status.
 */
int AgentServe(const struct AgentOptions *options);
/* Calls services at random, from one or two threads. */
int AgentCall(const struct AgentOptions *options);
/* Opens a device, makes a few calls, closes it, and again. */
int AgentFlicker(const struct AgentOptions *options);

#endif
