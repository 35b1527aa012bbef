/*
 * Forges objects: a hostile client of the trio's service that writes records and datagrams byte by
 * byte, with a pipe whose write end it passes on. There is one per test program.
 */
#ifndef LITEIPC_TEST_FORGE_H
#define LITEIPC_TEST_FORGE_H

#include "support/endpoint.h"
#include "support/hostile.h"

#define FORGE_BODY_MAX 70000

struct Forge {
    struct Hostile hostile;
    int fdSocket; /* socket for descriptors; -1: not requested */
    int ends[2];  /* of the pipe: read end, write end */
    /* The message that is being built: to the service, code 66. */
    struct IpcRecord record;
    char body[FORGE_BODY_MAX];
    uint32_t size; /* of the body */
};
extern struct Forge forge;

/* Sets up the trio and a hostile client with a lane to the service. */
int ForgeSetUp(void **state);
/* Asserts that other clients are served as before, and that no memory or descriptor is left. */
int ForgeTearDown(void **state);
#define FORGE_TEST(test) cmocka_unit_test_setup_teardown(test, ForgeSetUp, ForgeTearDown)

/* Replaces the current lane with a new lane. */
void ForgeLane(const struct Endpoint *to);
/* Opens the lane's socket for descriptors. */
void ForgeSocket(void);
struct LiteIpcThreadCounters ForgeCounters(void); /* of the service */

/* Begins a message with `dataSz` zero bytes and room for `objects` offsets. */
void ForgeBegin(uint32_t dataSz, uint16_t objects);
/* Writes an object, if there is room at this offset, and the offset itself. */
void ForgePut(uint32_t index, uint32_t offset, const SpecialObj *object);
SpecialObj ForgePtr(uint32_t size);
SpecialObj ForgeFd(uint32_t number);
/* Appends `size` bytes 'h' as contents of buffers. */
void ForgeContents(uint32_t size);
/* Builds a message of `count` descriptors that refers to datagram `number`. */
void ForgeFdMessage(uint16_t number, uint16_t count);
int ForgeSend(void);

/* Sends the datagram of a correct sender. Returns the status of DescriptorsTransmit. */
int ForgeTransmit(uint16_t number, uint32_t count);
/* Sends a datagram of arbitrary bytes with any number of descriptors. */
void ForgeTransmitRaw(const void *bytes, size_t size, unsigned count);

/* Sends two descriptors as a correct sender does and asserts that they arrive. */
void ForgeValidDescriptorsArrive(uint16_t number);
/* Sends the message and asserts that it is counted as malformed, or dropped as well-formed. */
void ForgeMalformed(void);
void ForgeDropped(void);

#endif
