/*
 * Objects on their way from JavaScript: a list of words becomes SpecialObj structures in front of
 * the message's data. The memory for that is made when the first message with objects is sent.
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
     * Puts the objects of `list` in front of what `out` has for data; `out` points into this object
     * afterwards, until the next Put. `dataLimit` in bytes. 0, -EINVAL, -EMSGSIZE; throws a
     * TypeError if it is no list. Runs no JavaScript.
     */
    int Put(const Napi::Value &list, uint32_t dataLimit, LiteIpcOutgoing *out);

  private:
    std::vector<uint8_t> data_;
    std::vector<uint32_t> offsets_;
};

} // namespace liteipc

#endif
