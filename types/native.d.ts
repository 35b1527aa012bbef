/**
 * Defines the interface of `liteipc.node`, the only boundary between TypeScript and C++.
 *
 * The addon converts values, manages lifetimes and polls; it makes no decisions. Frequent calls
 * exchange numbers through shared typed arrays, because a Node-API call costs 20 to 40 ns, plus
 * more for each argument. All words are unsigned 32-bit integers; a status is a negative errno read
 * with `| 0`.
 *
 * Thread rules: an object belongs to the JS thread (main or worker) that created it.
 */

/**
 * Layout of an outgoing message in {@link NativeDevice.outgoing}: indexes of 32-bit words.
 * lib/native/layout.ts contains the constants of all layouts. The compiler checks them against
 * these types.
 */
export interface OutgoingLayout {
  /** ID of the sending task: the call task for requests, the task of the service for replies. */
  readonly Task: 0;
  /** Requests: destination handle, 0 = ServiceManager. Replies: not used. */
  readonly Handle: 1;
  /** Requests: generation of the destination, 0 = any. */
  readonly Generation: 2;
  readonly Token: 3;
  readonly Cookie: 4;
  readonly Code: 5;
  /** Requests: 0, or 1 for one-way. Replies: 0, or 1 for a failure (MT_FAILED_REPLY). */
  readonly Flag: 6;
  /** Offset of the data in `outbox` in bytes. Not used if a buffer is passed. */
  readonly DataStart: 7;
  /** Size of the data in bytes. */
  readonly DataSize: 8;
  /** Requests: time in ms after which a reply is refused; 0 = no limit. */
  readonly DeadlineMs: 9;
  /** Requests with a reply: copied to the Call event. */
  readonly UserData: 10;
  /** Replies: `Incoming.Request` of the request. */
  readonly Request: 11;
  /** Set by sendRequest: the ID for {@link NativeDevice.cancel}. */
  readonly CallId: 12;
  readonly Words: 16;
}

/**
 * Layout of an event in {@link NativeDevice.incoming}: word indexes, relative to `event *
 * Incoming.Words`.
 */
export interface IncomingLayout {
  /** One of {@link EventKindLayout}. */
  readonly Kind: 0;
  /** 0 or a negative errno. */
  readonly Status: 1;
  /** The receiving task of this device. */
  readonly Task: 2;
  /** MsgType: 0 request, 1 reply, 2 failed reply, 3 death notice. */
  readonly Type: 3;
  readonly Code: 4;
  /** In a death notice: handle of the service that ended. */
  readonly Token: 5;
  readonly Cookie: 6;
  readonly Flag: 7;
  /** Offset of the data in `inbox` in bytes, or an index into `large` if `DataLarge` is 1. */
  readonly DataStart: 8;
  readonly DataSize: 9;
  readonly DataLarge: 10;
  /**
   * Requests: identifies the message until it is answered or freed. Every request must be answered
   * or freed.
   */
  readonly Request: 11;
  readonly ProcessId: 12;
  readonly TaskId: 13;
  readonly TaskGeneration: 14;
  readonly Pid: 15;
  readonly Uid: 16;
  readonly Gid: 17;
  readonly UserData: 18;
  readonly Value0: 19;
  readonly Value1: 20;
  readonly DeadlineMs: 21;
  /** Timestamp of the message in ns of CLOCK_MONOTONIC, low and high word. */
  readonly TimestampLow: 22;
  readonly TimestampHigh: 23;
  /** Index plus 1 of the message's objects in {@link NativeDevice.objects}; 0 without objects. */
  readonly Objects: 24;
  readonly Words: 25;
}

/** Layout of an object of a message: word indexes, relative to `object * ObjectWords.Words`. */
export interface ObjectWordsLayout {
  /** One of {@link ObjectTypeLayout}. */
  readonly Type: 0;
  /**
   * Descriptor: its number. Service: its handle, 0xffffffff = the sending task. Memory: its size in
   * bytes.
   */
  readonly Value0: 1;
  /** Service: token. */
  readonly Value1: 2;
  /** Service: cookie. */
  readonly Value2: 3;
  /**
   * Received: offset of its SpecialObj in the data, in bytes. Sent: not used, because objects
   * precede the data.
   */
  readonly Offset: 4;
  readonly Words: 5;
}

export interface ObjectTypeLayout {
  /** OBJ_FD. Received: adopt it in onEvents; otherwise it is closed when onEvents returns. */
  readonly Descriptor: 0;
  /** OBJ_PTR. JavaScript cannot send it. In received messages its memory is already freed. */
  readonly Memory: 1;
  /** OBJ_SVC: the receiver may call the service. */
  readonly Service: 2;
}

export interface EventKindLayout {
  /** A request or a death notice. */
  readonly Message: 0;
  /**
   * A call ended. Its reply, if any, is already freed; the data is in `inbox` or `large`. Status
   * ENOENT indicates a failed reply, with its data if any.
   */
  readonly Call: 1;
  /** A control request ended: Status, Value0, Value1. */
  readonly Control: 2;
  /** The lane to handle Value0, generation Value1 was created (Status 0) or refused. Send again. */
  readonly Lane: 3;
  /** The domain has ended. No event follows. */
  readonly Lost: 4;
}

/**
 * `operation` of {@link NativeDevice.control}; see enum LiteIpcControlOperation in
 * liteipc/liteipc.h.
 */
export interface ControlOperationLayout {
  readonly TaskCreate: 0;
  readonly TaskExit: 1;
  readonly SetCms: 2;
  readonly SetIpcTask: 3;
  readonly GenHandle: 4;
  readonly AddAccess: 5;
  readonly RemoveAccess: 6;
}

/**
 * Layout of a trace record: word indexes, relative to `record * TraceWords.Words`. See
 * liteipc/hook_types.h.
 */
export interface TraceWordsLayout {
  /** Time in ns of CLOCK_MONOTONIC, low and high word. */
  readonly Time: 0;
  /** Timestamp of the message, low and high word. */
  readonly Timestamp: 2;
  /** enum LosHookType. */
  readonly Hook: 4;
  /** Signed: a negative errno, or enum IpcDropReason. */
  readonly Reason: 5;
  readonly Process: 6;
  readonly Task: 7;
  readonly PeerProcess: 8;
  readonly PeerTask: 9;
  /** MsgType. */
  readonly Type: 10;
  readonly Code: 11;
  readonly Handle: 12;
  readonly Size: 13;
  readonly Flag: 14;
  readonly WaitState: 15;
  readonly Words: 16;
}

/** The result of {@link NativeDevice.readTrace}. It owns its memory. */
export interface NativeTrace {
  /** TraceWords.Words words per record, oldest first. */
  readonly words: Uint32Array;
  /** Number of records since the last read that were overwritten before they were read. */
  readonly lost: number;
}

/** One of the numbers of {@link ControlOperationLayout}. */
export type ControlOperation = ControlOperationLayout[keyof ControlOperationLayout];

export interface NativeDomainOptions {
  /** 1 to 64 of `[A-Za-z0-9._-]`, or the absolute path of the socket. */
  readonly name: string;
  /** 0 host, 1 liteos-a. */
  readonly profile?: number;
  /** Permission bits of the socket. */
  readonly socketMode?: number;
  readonly socketGid?: number;
  /** Uids that may become ServiceManager. */
  readonly managerUids?: readonly number[];
  readonly managerProgram?: string;
}

/** Numbers of objects that a domain holds at the moment. */
export interface NativeDomainCounters {
  readonly processes: number;
  readonly threads: number;
  readonly tasks: number;
  readonly lanes: number;
  readonly parkedRequests: number;
}

/** A domain that runs in this OS process, on its own thread. */
export interface NativeDomain {
  /** Path of the control socket. */
  readonly path: string;
  counters(): NativeDomainCounters;
  /** Stops the domain. Every device of the domain receives a Lost event. Idempotent. */
  stop(): void;
}

export interface NativeTaskInfo {
  readonly taskId: number;
  readonly generation: number;
  readonly processId: number;
  readonly processGeneration: number;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  readonly alive: boolean;
}

/** A snapshot of a task. Counters start when the task is created. */
export interface NativeTaskStatistics {
  /** Messages dispatched to JavaScript: requests, replies, death notices. */
  readonly received: number;
  /** Messages taken from their lanes and not yet dispatched to JavaScript. */
  readonly queued: number;
  /** Lanes of the device with unread messages, for any of its tasks. */
  readonly waitingLanes: number;
  /** Discarded messages by the number of the reason, in the order of `dropReasons`. */
  readonly dropped: readonly number[];
  /** For the device: messages in its pool that are not freed, and their size in bytes. */
  readonly poolMessages: number;
  readonly poolBytes: number;
  /** For the device: bytes that each sender may have pending. */
  readonly poolSize: number;
}

export interface NativeDeviceOptions {
  /** Name of the domain or absolute path of its socket. */
  readonly domain: string;
  /**
   * Bytes that each sender may have pending in this device; 0 or absent = the default of the
   * domain.
   */
  readonly poolSize?: number;
  /**
   * Called with the number of events in `incoming`, oldest first. Their data is valid until it
   * returns.
   */
  readonly onEvents: (count: number) => void;
}

/**
 * An open, mapped device with one task, the call task. It belongs to the JS thread that created it.
 */
export interface NativeDevice {
  readonly processId: number;
  /** The task that makes calls and receives their replies. It expects no requests. */
  readonly callTaskId: number;
  readonly callTaskGeneration: number;
  /** Maximum DataSize of a message in bytes. */
  readonly dataLimit: number;

  /** Outgoing.Words words, to set before sendRequest or sendReply. */
  readonly outgoing: Uint32Array;
  /**
   * Buffer for the data of an outgoing message; at least dataLimit + 64 bytes. Reusable after each
   * send.
   */
  readonly outbox: Uint8Array;
  /** Up to 64 events of Incoming.Words words. */
  readonly incoming: Uint32Array;
  /** Data of the events, copied out of the pool. The next batch overwrites it. */
  readonly inbox: Uint8Array;
  /** Data of messages that are too large for the inbox. Each array belongs to JavaScript. */
  readonly large: Uint8Array[];
  /**
   * Objects of the messages that have objects: ObjectWords.Words words per object. Emptied after
   * onEvents.
   */
  readonly objects: Uint32Array[];

  /**
   * Sends the request described in `outgoing`, with `data` instead of the outbox if present.
   * Returns 0 or a negative errno. -EINPROGRESS: not sent; send again after the Lane event.
   *
   * `objects`: up to 256 objects (at most 16 descriptors) of ObjectWords.Words words. Each takes 24
   * bytes before the data. The sender continues to own descriptors and must leave them open until
   * the message was sent. -EBADF: one is not open; -EACCES: a service that this process may not
   * call; -ENOMEM: 16 descriptors are already in flight.
   */
  sendRequest(data?: Uint8Array, objects?: Uint32Array): number;
  /**
   * Answers `outgoing[Outgoing.Request]`. After -EINPROGRESS and -ENOMEM, and with `objects` after
   * any error, the reply was not sent and the request can still be answered.
   */
  sendReply(data?: Uint8Array, objects?: Uint32Array): number;
  /**
   * Adopts a descriptor that came with the events being handled. Throws EBADF if it did not come
   * with them or was already adopted.
   */
  adopt(fd: number): NativeDescriptor;
  /** Frees a request that needs no reply. Returns 0 or a negative errno. */
  free(request: number): number;
  /** Cancels a pending call. */
  cancel(callId: number): number;
  /**
   * Starts a control request. Its Control event has the same `userData`. Returns 0 or a negative
   * errno.
   */
  control(
    operation: ControlOperation,
    task: number,
    value0: number,
    value1: number,
    value2: number,
    value3: number,
    userData: number,
  ): number;
  /** Returns the facts about a task of the domain; undefined if there is no such task. */
  query(taskId: number): NativeTaskInfo | undefined;
  hasAccess(handle: number): boolean;
  /**
   * Returns how often a right to call the task was revoked, for {@link NativeDevice.callerStatus}.
   */
  revocations(task: number): number;
  /**
   * Returns 0 while the caller of a request to `task`, a task of this device, may wait. -EPIPE: the
   * caller has ended. -EACCES: the caller may not call the task now, or its right was revoked (and
   * perhaps granted again) since `revocations(task)` returned `revocations`. -EINVAL: this device
   * has no such task.
   */
  callerStatus(
    task: number,
    callerTask: number,
    callerGeneration: number,
    revocations: number,
  ): number;
  counters(): Readonly<Record<string, number>>;
  /**
   * Returns the statistics of a task of this device; undefined if there is no such task. The cost
   * is low.
   */
  statistics(task: number): NativeTaskStatistics | undefined;

  /** Makes the open device keep the event loop alive. This is the default. */
  ref(): void;
  unref(): void;
  /** Sets the maximum time in ns of the adaptive wait before the loop sleeps; 0 = none. */
  setSpin(limitNs: number): void;
  /** Starts to record the hooks of this device. Throws EALREADY, ENOMEM, EINVAL (0), ENOSPC. */
  startTrace(records: number): void;
  /** Stops recording. The records can still be read. Throws EALREADY if there is no trace. */
  stopTrace(): void;
  /** Returns and removes the records. Throws ENODATA if no trace was ever started. */
  readTrace(): NativeTrace;
  /**
   * Ends the tasks, the thread and the process. Pending calls receive no event. Idempotent.
   * Resolves when everything is released.
   */
  close(): Promise<void>;
}

/**
 * A descriptor that JavaScript owns. It is closed by close(), by garbage collection, or at the end
 * of its environment.
 */
export interface NativeDescriptor {
  /** The descriptor, close-on-exec; -1 after it was closed or released. */
  readonly fd: number;
  /**
   * Closes the descriptor. Never blocks: descriptors other than pipes and memfds are closed shortly
   * after on another thread. Idempotent.
   */
  close(): void;
  /** Returns the descriptor, which the caller must close. */
  release(): number;
}

/** A memfd that is being written. Each byte is copied once. Also closed by garbage collection. */
export interface NativeMemoryFile {
  /** Size in bytes. Throws like {@link NativeMemoryFile.append}. */
  readonly size: number;
  /**
   * Appends all parts, or none if it throws. Takes about 0.3 ms of this thread per MiB. Throws an
   * Error with `code`: ENOMEM, ENOSPC, EFBIG (ulimit -f), EBUSY (appendInBackground runs), EBADF
   * (closed or sealed).
   */
  append(parts: readonly Uint8Array[]): void;
  /**
   * Like {@link NativeMemoryFile.append}, but on another thread. The parts must not be changed or
   * transferred until the promise has settled. Also rejects with ECANCELED: closed in the meantime;
   * EFAULT: a part was transferred (then the file is closed, because its content is unknown).
   */
  appendInBackground(parts: readonly Uint8Array[]): Promise<void>;
  /**
   * Seals the file against all changes and returns its descriptor. Closes this object. Throws EBUSY
   * and EBADF like {@link NativeMemoryFile.append}.
   */
  seal(): NativeDescriptor;
  /** Closes the file. Cancels a running appendInBackground within some ms. Idempotent. */
  close(): void;
}

/**
 * The mapped bytes of a sealed memfd. The mapping ends with {@link release} or when the buffer is
 * garbage collected.
 */
export interface NativeMapping {
  /**
   * The private mapping: writes of JavaScript change only pages of this mapping. postMessage cannot
   * transfer it to another thread; cloning copies it.
   */
  readonly buffer: ArrayBuffer;
  /**
   * True if `buffer` is a copy in memory of V8, because the platform requires it or the caller
   * requested it.
   */
  readonly copied: boolean;
  /**
   * Unmaps the memory: the buffer is detached, and its views have the length 0. No asynchronous
   * operation (zlib, fs, crypto) may use the memory any more. Does nothing if the program has moved
   * the memory to another ArrayBuffer (`buffer.transfer()`), which owns it until it is garbage
   * collected. Idempotent.
   */
  release(): void;
}

export interface NativeBinding {
  /** Creates a memfd. Throws an Error with `code`: EMFILE, ENOMEM. */
  createMemoryFile(): NativeMemoryFile;
  /**
   * Maps `length` bytes from `offset` (any number; absent = from the start, to the end) of a memfd
   * that can no longer change. The descriptor may be closed afterwards. Throws an Error with
   * `code`: EPROTO (not a memfd, not sealed against writing and shrinking, made of huge pages, or
   * with holes), EINVAL (out of range), EFBIG (over 4 GiB at once), EBADF, EACCES, ENOMEM. With
   * `copy` the bytes are copied into memory of V8.
   */
  mapMemoryFile(fd: number, offset?: number, length?: number, copy?: boolean): NativeMapping;
  /** Creates two connected stream sockets, close-on-exec. Throws an Error with `code`: EMFILE. */
  createSocketPair(): [NativeDescriptor, NativeDescriptor];
  /** Duplicates a descriptor, close-on-exec. Throws an Error with `code`: EBADF, EMFILE. */
  duplicateDescriptor(fd: number): NativeDescriptor;
  /** Starts a domain. Throws an Error with `code` (EADDRINUSE, EINVAL, EPERM, ...). */
  startDomain(options: NativeDomainOptions): NativeDomain;
  /**
   * Opens a device. Rejects with an Error with `code`: ENODEV if no such domain runs, EACCES,
   * EAGAIN, EINVAL.
   */
  openDevice(options: NativeDeviceOptions): Promise<NativeDevice>;
}
