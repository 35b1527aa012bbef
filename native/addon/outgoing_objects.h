/*
 * Converts the objects of an outgoing message: a list of words becomes SpecialObj structures before
 * the message's data. The memory is allocated with the first message that has objects.
 */
#ifndef LITEIPC_ADDON_OUTGOING_OBJECTS_H
#define LITEIPC_ADDON_OUTGOING_OBJECTS_H

#include <cstdint>
#include <vector>

#include <napi.h>

#include "liteipc/liteipc.h"

namespace liteipc
{

class OutgoingObjects
{
  public:
    /*
     * Writes the objects of `list` before the data of `out`. Afterwards `out` points into this
     * object, until the next Put. `dataLimit` in bytes. Returns 0, -EINVAL or -EMSGSIZE; throws a
     * TypeError if `list` is no list. Runs no JavaScript.
     */
    int Put(const Napi::Value &list, uint32_t dataLimit, LiteIpcOutgoing *out);

  private:
    std::vector<uint8_t> data_;
    std::vector<uint32_t> offsets_;
};

} // namespace liteipc

#endif
