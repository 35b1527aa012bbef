/* Laying out the message that a step sends, with the sizes of this program's ABI. */
#ifndef CONFORMANCE_COMPOSE_H
#define CONFORMANCE_COMPOSE_H

#include "conformance/table.h"
#include "liteipc/hm_liteipc.h"

/* A descriptor of the sender's process for a part, or -1. */
typedef int (*DescriptorSource)(void *context, enum PartDescriptor kind);

struct Composition {
    IpcMsg message;       /* points to what follows */
    struct Piece *pieces; /* all memory of it */
};

/*
 * 0, -ENOMEM, or -EMFILE if a descriptor could not be made. In each case ComposeFree follows.
 * `environment`: see exchange.h. What is composed stays unchanged, also when the scenario is freed.
 */
int Compose(const struct Scenario *scenario, const uint64_t *environment,
            const struct OutMessage *out, DescriptorSource source, void *context,
            struct Composition *composition);
void ComposeFree(struct Composition *composition);

/* Where a part of this size that follows `end` begins and ends: multiples of 8 bytes. */
#define PART_ALIGNMENT 8U
size_t PartBegin(size_t end);
/* Bytes that a part takes. */
size_t PartSize(const struct Part *part);

#endif
