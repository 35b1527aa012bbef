/*
 * Exports of liteipc.node, with the files that implement them. types/native.d.ts is the contract.
 *
 *   startDomain   domain_object.cc    NativeDomain
 *   duplicateDescriptor, createSocketPair   descriptor_object.cc   NativeDescriptor
 *   createMemoryFile   memory_file.cc      NativeMemoryFile
 *   mapMemoryFile      memory_mapping.cc   NativeMapping
 *   openDevice    open_job.cc         NativeDevice: device_object.cc (methods),
 *                                     device_events.cc, device_facts.cc, device_lifetime.cc
 *
 *   environment   the state of a Node environment
 *   event_loop    the libuv handles of a device
 *   event_batch   from the core's events to the shared buffers
 *   objects       outgoing_objects, arrived_descriptors
 *   contract      layouts and numbers shared with JavaScript
 */
#include <napi.h>

#include "addon/descriptor_object.h"
#include "addon/device_object.h"
#include "addon/domain_object.h"
#include "addon/environment.h"
#include "addon/memory_file.h"
#include "addon/memory_mapping.h"
#include "addon/open_job.h"

namespace liteipc
{

static Napi::Object Initialise(Napi::Env env, Napi::Object exports)
{
    Environment *environment = new Environment(env);
    env.SetInstanceData(environment); /* frees it with the environment */
    environment->domainClass = Napi::Persistent(DomainObject::Define(env));
    environment->descriptorClass = Napi::Persistent(DescriptorObject::Define(env));
    environment->memoryFileClass = Napi::Persistent(MemoryFileObject::Define(env));
    environment->mappingClass = Napi::Persistent(MappingObject::Define(env));
    environment->deviceClass = Napi::Persistent(DeviceObject::Define(env));
    exports.Set("startDomain", Napi::Function::New<DomainObject::Start>(env, "startDomain"));
    exports.Set("duplicateDescriptor",
                Napi::Function::New<DescriptorObject::Duplicate>(env, "duplicateDescriptor"));
    exports.Set("createSocketPair",
                Napi::Function::New<DescriptorObject::SocketPair>(env, "createSocketPair"));
    exports.Set("createMemoryFile",
                Napi::Function::New<MemoryFileObject::Create>(env, "createMemoryFile"));
    exports.Set("mapMemoryFile", Napi::Function::New<MappingObject::Map>(env, "mapMemoryFile"));
    exports.Set("openDevice", Napi::Function::New<OpenDevice>(env, "openDevice"));
    return exports;
}

NODE_API_MODULE(liteipc, Initialise)

} // namespace liteipc
