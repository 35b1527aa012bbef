/* Lays out the message that a step sends, with the sizes of this program's ABI. */
#ifndef CONFORMANCE_COMPOSE_H
#define CONFORMANCE_COMPOSE_H

#include "conformance/table.h"
#include "liteipc/hm_liteipc.h"

/* Returns a descriptor of the sender's process for a part, or -1. */
typedef int (*DescriptorSource)(void *context, enum PartDescriptor kind);

struct Composition {
    IpcMsg message;       /* points to the memory below */
    struct Piece *pieces; /* all memory of the message */
};

/*
 * Composes a message. Returns 0, -ENOMEM, or -EMFILE if a descriptor could not be made. The caller
 * calls ComposeFree in each case. `environment`: see exchange.h. The composition does not depend on
 * the scenario afterwards.
 */
int Compose(const struct Scenario *scenario, const uint64_t *environment,
            const struct OutMessage *out, DescriptorSource source, void *context,
            struct Composition *composition);
void ComposeFree(struct Composition *composition);

/* Parts begin and end at multiples of 8 bytes. Returns the begin of a part that follows `end`. */
#define PART_ALIGNMENT 8U
size_t PartBegin(size_t end);
/* Returns the bytes that a part takes. */
size_t PartSize(const struct Part *part);

#endif
