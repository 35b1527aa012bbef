/*
 * Forged objects: a hostile client of the trio's service that writes records and datagrams byte by
 * byte, with a pipe whose writing end it passes on. One per test program.
 */
#ifndef LITEIPC_TEST_FORGE_H
#define LITEIPC_TEST_FORGE_H

#include "support/endpoint.h"
#include "support/hostile.h"

#define FORGE_BODY_MAX 70000

struct Forge {
    struct Hostile hostile;
    int way;     /* for descriptors; -1: not asked for */
    int ends[2]; /* of the pipe: reading, writing */
    /* The message that is being made: to the service, code 66. */
    struct IpcRecord record;
    char body[FORGE_BODY_MAX];
    uint32_t size; /* of the body */
};
extern struct Forge forge;

/* The trio, and a hostile with a lane to the service. */
int ForgeSetUp(void **state);
/* Asserts that others are served as before, and that no memory or descriptor is left anywhere. */
int ForgeTearDown(void **state);
#define FORGE_TEST(test) cmocka_unit_test_setup_teardown(test, ForgeSetUp, ForgeTearDown)

/* Another lane in place of the one that it has. */
void ForgeLane(const struct Endpoint *to);
/* The lane's way for descriptors. */
void ForgeSocket(void);
struct LiteIpcThreadCounters ForgeCounters(void); /* of the service */

/* Begins a message of so many zeroes and offsets. */
void ForgeBegin(uint32_t dataSz, uint16_t objects);
/* Writes an object, if there is room at this offset, and the offset itself. */
void ForgePut(uint32_t index, uint32_t offset, const SpecialObj *object);
SpecialObj ForgePtr(uint32_t size);
SpecialObj ForgeFd(uint32_t number);
/* Appends so many bytes 'h' as contents of buffers. */
void ForgeContents(uint32_t size);
/* A message of `count` descriptors that are to be found under this number. */
void ForgeFdMessage(uint16_t number, uint16_t count);
int ForgeSend(void);

/* The datagram of an honest sender: status as DescriptorsTransmit. */
int ForgeTransmit(uint16_t number, uint32_t count);
/* A datagram of any bytes with any number of descriptors. */
void ForgeTransmitRaw(const void *bytes, size_t size, unsigned count);

/* Sends two descriptors as an honest sender does, which must arrive. */
void ForgeRightPasses(uint16_t number);
/* Sends the message, which must be found malformed, or be dropped as well-formed. */
void ForgeMalformed(void);
void ForgeDropped(void);

#endif
