/*
 * Defines the layouts and numbers that JavaScript and C++ share. types/native.d.ts has the same
 * names and values and documents them; a test compares the two.
 */
#ifndef LITEIPC_ADDON_CONTRACT_H
#define LITEIPC_ADDON_CONTRACT_H

#include <cstddef>
#include <cstdint>

#include "liteipc/liteipc.h"

namespace liteipc
{

/* Word indexes of an outgoing message (32-bit words). */
namespace Outgoing
{
constexpr size_t Task = 0;
constexpr size_t Handle = 1;
constexpr size_t Generation = 2;
constexpr size_t Token = 3;
constexpr size_t Cookie = 4;
constexpr size_t Code = 5;
constexpr size_t Flag = 6;
constexpr size_t DataStart = 7;
constexpr size_t DataSize = 8;
constexpr size_t DeadlineMs = 9;
constexpr size_t UserData = 10;
constexpr size_t Request = 11;
constexpr size_t CallId = 12;
constexpr size_t Words = 16;
} // namespace Outgoing

/* Word indexes of an event (32-bit words). */
namespace Incoming
{
constexpr size_t Kind = 0;
constexpr size_t Status = 1;
constexpr size_t Task = 2;
constexpr size_t Type = 3;
constexpr size_t Code = 4;
constexpr size_t Token = 5;
constexpr size_t Cookie = 6;
constexpr size_t Flag = 7;
constexpr size_t DataStart = 8;
constexpr size_t DataSize = 9;
constexpr size_t DataLarge = 10;
constexpr size_t Request = 11;
constexpr size_t ProcessId = 12;
constexpr size_t TaskId = 13;
constexpr size_t TaskGeneration = 14;
constexpr size_t Pid = 15;
constexpr size_t Uid = 16;
constexpr size_t Gid = 17;
constexpr size_t UserData = 18;
constexpr size_t Value0 = 19;
constexpr size_t Value1 = 20;
constexpr size_t DeadlineMs = 21;
constexpr size_t TimestampLow = 22;
constexpr size_t TimestampHigh = 23;
constexpr size_t Objects = 24;
constexpr size_t Words = 25;
} // namespace Incoming

/* Word indexes of an object of a message (32-bit words). */
namespace ObjectWords
{
constexpr size_t Type = 0;
constexpr size_t Value0 = 1;
constexpr size_t Value1 = 2;
constexpr size_t Value2 = 3;
constexpr size_t Offset = 4;
constexpr size_t Words = 5;
} // namespace ObjectWords

namespace ObjectType
{
constexpr uint32_t Descriptor = 0;
constexpr uint32_t Memory = 1;
constexpr uint32_t Service = 2;
} // namespace ObjectType

namespace EventKind
{
constexpr uint32_t Message = 0;
constexpr uint32_t Call = 1;
constexpr uint32_t Control = 2;
constexpr uint32_t Lane = 3;
constexpr uint32_t Lost = 4;
} // namespace EventKind

namespace ControlOperation
{
constexpr uint32_t TaskCreate = 0;
constexpr uint32_t TaskExit = 1;
constexpr uint32_t SetCms = 2;
constexpr uint32_t SetIpcTask = 3;
constexpr uint32_t GenHandle = 4;
constexpr uint32_t AddAccess = 5;
constexpr uint32_t RemoveAccess = 6;
} // namespace ControlOperation

/* Word indexes of a trace record (32-bit words). A time takes two words, the low one first. */
namespace TraceWords
{
constexpr size_t Time = 0;
constexpr size_t Timestamp = 2;
constexpr size_t Hook = 4;
constexpr size_t Reason = 5;
constexpr size_t Process = 6;
constexpr size_t Task = 7;
constexpr size_t PeerProcess = 8;
constexpr size_t PeerTask = 9;
constexpr size_t Type = 10;
constexpr size_t Code = 11;
constexpr size_t Handle = 12;
constexpr size_t Size = 13;
constexpr size_t Flag = 14;
constexpr size_t WaitState = 15;
constexpr size_t Words = 16;
} // namespace TraceWords

#define LITEIPC_TRACE_WORD_IS(member, word)                                                        \
    static_assert(offsetof(LiteIpcTraceRecord, member) == TraceWords::word * sizeof(uint32_t))
LITEIPC_TRACE_WORD_IS(time, Time);
LITEIPC_TRACE_WORD_IS(timestamp, Timestamp);
LITEIPC_TRACE_WORD_IS(hook, Hook);
LITEIPC_TRACE_WORD_IS(reason, Reason);
LITEIPC_TRACE_WORD_IS(process, Process);
LITEIPC_TRACE_WORD_IS(task, Task);
LITEIPC_TRACE_WORD_IS(peerProcess, PeerProcess);
LITEIPC_TRACE_WORD_IS(peerTask, PeerTask);
LITEIPC_TRACE_WORD_IS(type, Type);
LITEIPC_TRACE_WORD_IS(code, Code);
LITEIPC_TRACE_WORD_IS(handle, Handle);
LITEIPC_TRACE_WORD_IS(size, Size);
LITEIPC_TRACE_WORD_IS(flag, Flag);
LITEIPC_TRACE_WORD_IS(waitState, WaitState);
#undef LITEIPC_TRACE_WORD_IS
static_assert(sizeof(LiteIpcTraceRecord) == TraceWords::Words * sizeof(uint32_t));

static_assert(ObjectType::Descriptor == OBJ_FD && ObjectType::Memory == OBJ_PTR);
static_assert(ObjectType::Service == OBJ_SVC);
static_assert(EventKind::Message == LITEIPC_EVENT_MESSAGE && EventKind::Call == LITEIPC_EVENT_CALL);
static_assert(EventKind::Control == LITEIPC_EVENT_CONTROL);
static_assert(EventKind::Lane == LITEIPC_EVENT_LANE && EventKind::Lost == LITEIPC_EVENT_LOST);
static_assert(ControlOperation::TaskCreate == LITEIPC_CONTROL_TASK_CREATE);
static_assert(ControlOperation::TaskExit == LITEIPC_CONTROL_TASK_EXIT);
static_assert(ControlOperation::SetCms == LITEIPC_CONTROL_SET_CMS);
static_assert(ControlOperation::SetIpcTask == LITEIPC_CONTROL_SET_IPC_TASK);
static_assert(ControlOperation::GenHandle == LITEIPC_CONTROL_GEN_HANDLE);
static_assert(ControlOperation::AddAccess == LITEIPC_CONTROL_ADD_ACCESS);
static_assert(ControlOperation::RemoveAccess == LITEIPC_CONTROL_REMOVE_ACCESS);

/* Most events of one onEvents call. */
constexpr size_t EVENTS_PER_BATCH = 64;
/* Messages with more data than this get memory of their own, which JavaScript may retain. Bytes. */
constexpr size_t INBOX_MESSAGE_MAX = 16 * 1024;

} // namespace liteipc

#endif
