#include "addon/outgoing_objects.h"

#include <cerrno>
#include <cstring>

#include "addon/arguments.h"
#include "addon/contract.h"

namespace liteipc
{

namespace
{

bool ReadObject(const uint32_t *words, SpecialObj *object)
{
    std::memset(object, 0, sizeof(*object));
    uint32_t type = words[ObjectWords::Type];
    if (type == OBJ_FD) {
        object->type = OBJ_FD;
        object->content.fd = words[ObjectWords::Value0];
        return true;
    }
    if (type == OBJ_SVC) {
        object->type = OBJ_SVC;
        object->content.svc.handle = words[ObjectWords::Value0];
        object->content.svc.token = words[ObjectWords::Value1];
        object->content.svc.cookie = words[ObjectWords::Value2];
        return true;
    }
    return false;
}

} // namespace

int OutgoingObjects::Put(const Napi::Value &list, uint32_t dataLimit, LiteIpcOutgoing *out)
{
    if (!list.IsTypedArray() || list.As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
        RejectArgument("a Uint32Array", "objects", list);
    }
    Napi::Uint32Array words = list.As<Napi::Uint32Array>();
    size_t count = words.ElementLength() / ObjectWords::Words;
    if (words.ElementLength() % ObjectWords::Words != 0 || count > IPC_MSG_OBJECT_NUM_MAX) {
        return -EINVAL;
    }
    if (count == 0) {
        return 0;
    }
    size_t head = count * sizeof(SpecialObj);
    if (head + out->dataSz > dataLimit) {
        return -EMSGSIZE;
    }
    data_.resize(head + out->dataSz);
    offsets_.resize(count);
    for (size_t index = 0; index < count; index++) {
        SpecialObj object;
        if (!ReadObject(words.Data() + index * ObjectWords::Words, &object)) {
            return -EINVAL;
        }
        offsets_[index] = static_cast<uint32_t>(index * sizeof(object));
        std::memcpy(data_.data() + offsets_[index], &object, sizeof(object));
    }
    if (out->dataSz != 0) {
        std::memcpy(data_.data() + head, out->data, out->dataSz);
    }
    out->data = data_.data();
    out->dataSz = static_cast<uint32_t>(data_.size());
    out->spObjNum = static_cast<uint32_t>(count);
    out->offsets = offsets_.data();
    return 0;
}

} // namespace liteipc
