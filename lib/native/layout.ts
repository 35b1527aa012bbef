/** Contains the numbers of the native contract. types/native.d.ts documents them. */
import type {
  ControlOperationLayout,
  EventKindLayout,
  IncomingLayout,
  ObjectTypeLayout,
  ObjectWordsLayout,
  OutgoingLayout,
  TraceWordsLayout,
} from '../../types/native.js';

/** Word indexes of an outgoing message. */
export const Outgoing: OutgoingLayout = {
  Task: 0,
  Handle: 1,
  Generation: 2,
  Token: 3,
  Cookie: 4,
  Code: 5,
  Flag: 6,
  DataStart: 7,
  DataSize: 8,
  DeadlineMs: 9,
  UserData: 10,
  Request: 11,
  CallId: 12,
  Words: 16,
};

/** Word indexes of an event. */
export const Incoming: IncomingLayout = {
  Kind: 0,
  Status: 1,
  Task: 2,
  Type: 3,
  Code: 4,
  Token: 5,
  Cookie: 6,
  Flag: 7,
  DataStart: 8,
  DataSize: 9,
  DataLarge: 10,
  Request: 11,
  ProcessId: 12,
  TaskId: 13,
  TaskGeneration: 14,
  Pid: 15,
  Uid: 16,
  Gid: 17,
  UserData: 18,
  Value0: 19,
  Value1: 20,
  DeadlineMs: 21,
  TimestampLow: 22,
  TimestampHigh: 23,
  Objects: 24,
  Words: 25,
};

/** Word indexes of an object of a message. */
export const ObjectWords: ObjectWordsLayout = {
  Type: 0,
  Value0: 1,
  Value1: 2,
  Value2: 3,
  Offset: 4,
  Words: 5,
};

/** ObjType of the kernel. */
export const ObjectType: ObjectTypeLayout = { Descriptor: 0, Memory: 1, Service: 2 };

/** Kinds of events. */
export const EventKind: EventKindLayout = { Message: 0, Call: 1, Control: 2, Lane: 3, Lost: 4 };

/** Operations of control requests to the domain. */
export const ControlOperation: ControlOperationLayout = {
  TaskCreate: 0,
  TaskExit: 1,
  SetCms: 2,
  SetIpcTask: 3,
  GenHandle: 4,
  AddAccess: 5,
  RemoveAccess: 6,
};

/** MsgType of the kernel, as far as JavaScript receives it. */
export const MessageType = { Request: 0, Reply: 1, FailedReply: 2, DeathNotice: 3 } as const;

/** IpcFlag of the kernel. */
export const MessageFlag = { Default: 0, OneWay: 1 } as const;

/** Word indexes of a trace record. */
export const TraceWords: TraceWordsLayout = {
  Time: 0,
  Timestamp: 2,
  Hook: 4,
  Reason: 5,
  Process: 6,
  Task: 7,
  PeerProcess: 8,
  PeerTask: 9,
  Type: 10,
  Code: 11,
  Handle: 12,
  Size: 13,
  Flag: 14,
  WaitState: 15,
  Words: 16,
};
