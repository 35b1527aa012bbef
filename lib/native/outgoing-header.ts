/** Writes the header of the next message that a device sends. */
import { Outgoing } from './layout.js';

/** Writes the words that requests and replies share; `start` and `size` locate the data. */
function writeMessage(
  outgoing: Uint32Array,
  task: number,
  token: number,
  cookie: number,
  code: number,
  flag: number,
  start: number,
  size: number,
): void {
  outgoing[Outgoing.Task] = task;
  outgoing[Outgoing.Token] = token;
  outgoing[Outgoing.Cookie] = cookie;
  outgoing[Outgoing.Code] = code;
  outgoing[Outgoing.Flag] = flag;
  outgoing[Outgoing.DataStart] = start;
  outgoing[Outgoing.DataSize] = size;
}

/** The task that sends a request, and the task that receives it. */
export interface RequestAddress {
  readonly task: number;
  readonly handle: number;
  /** 0: any task that has the handle. */
  readonly generation: number;
}

/** Writes a request. `deadlineMs` 0: no deadline. `userData` 0: no reply. */
export function writeRequest(
  outgoing: Uint32Array,
  { task, handle, generation }: RequestAddress,
  token: number,
  cookie: number,
  code: number,
  flag: number,
  start: number,
  size: number,
  deadlineMs: number,
  userData: number,
): void {
  writeMessage(outgoing, task, token, cookie, code, flag, start, size);
  outgoing[Outgoing.Handle] = handle;
  outgoing[Outgoing.Generation] = generation;
  outgoing[Outgoing.DeadlineMs] = deadlineMs;
  outgoing[Outgoing.UserData] = userData;
}

/** Writes a reply to a request that `task` has received. */
export function writeReply(
  outgoing: Uint32Array,
  { task, request }: { readonly task: number; readonly request: number },
  cookie: number,
  code: number,
  flag: number,
  start: number,
  size: number,
): void {
  writeMessage(outgoing, task, 0, cookie, code, flag, start, size);
  outgoing[Outgoing.Request] = request;
}
