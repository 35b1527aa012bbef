/**
 * The contract of `liteipc.node`, the only place where TypeScript and C++ meet.
 *
 * The addon converts, owns lifetimes and polls; it decides nothing. Hot calls take and give their
 * numbers through shared typed arrays, because a Node-API call costs 20 to 40 ns and every further
 * argument adds to it. All words are unsigned 32-bit; a status is a negative errno read with `| 0`.
 *
 * Thread rules: an object belongs to the JS thread (main or worker) that made it.
 */

/**
 * Layout of one outgoing message in {@link NativeDevice.outgoing}: indexes of 32-bit words.
 * The constants themselves, here and below, are in lib/native/layout.ts, checked against these
 * types.
 */
export interface OutgoingLayout {
  /** The sending task's ID: the call task for requests, the service's task for replies. */
  readonly Task: 0;
  /** Requests: destination handle, 0 = ServiceManager. Replies: not used. */
  readonly Handle: 1;
  /** Requests: generation of the destination, 0 = whichever is there. */
  readonly Generation: 2;
  readonly Token: 3;
  readonly Cookie: 4;
  readonly Code: 5;
  /** Requests: 0, or 1 for one-way. Replies: 0, or 1 for a failure (MT_FAILED_REPLY). */
  readonly Flag: 6;
  /** Where in `outbox` the data starts, bytes. Not used when a buffer is passed. */
  readonly DataStart: 7;
  /** Bytes of data. */
  readonly DataSize: 8;
  /** Requests: ms after which an answer is refused; 0 = never. */
  readonly DeadlineMs: 9;
  /** Requests with an answer: comes back in the Call event. */
  readonly UserData: 10;
  /** Replies: `Incoming.Request` of the request. */
  readonly Request: 11;
  /** Set by sendRequest: the ID to cancel the call with. */
  readonly CallId: 12;
  readonly Words: 16;
}

/**
 * Layout of one event in {@link NativeDevice.incoming}: word indexes, relative to `event *
 * Incoming.Words`.
 */
export interface IncomingLayout {
  /** One of {@link EventKindLayout}. */
  readonly Kind: 0;
  /** 0 or a negative errno. */
  readonly Status: 1;
  /** The task of this device that it is for. */
  readonly Task: 2;
  /** MsgType: 0 request, 1 reply, 2 failed reply, 3 death notice. */
  readonly Type: 3;
  readonly Code: 4;
  /** In a death notice: the handle of the service that died. */
  readonly Token: 5;
  readonly Cookie: 6;
  readonly Flag: 7;
  /**
   * Where the data lies: an offset into `inbox` in bytes, or, when `DataLarge` is 1, an index into
   * `large`.
   */
  readonly DataStart: 8;
  readonly DataSize: 9;
  readonly DataLarge: 10;
  /**
   * Requests: names the message until it is answered or freed. Every request must be one or the
   * other.
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
  /** Message timestamp, CLOCK_MONOTONIC ns, low and high word. */
  readonly TimestampLow: 22;
  readonly TimestampHigh: 23;
  /**
   * 0, or the place in {@link NativeDevice.objects} of the objects that came with the message,
   * counted from 1.
   */
  readonly Objects: 24;
  readonly Words: 25;
}

/** Layout of one object of a message: word indexes, relative to `object * ObjectWords.Words`. */
export interface ObjectWordsLayout {
  /** One of {@link ObjectTypeLayout}. */
  readonly Type: 0;
  /**
   * Descriptor: its number. Service: its handle, 0xffffffff = the sending task. Memory: its size,
   * bytes.
   */
  readonly Value0: 1;
  /** Service: token. */
  readonly Value1: 2;
  /** Service: cookie. */
  readonly Value2: 3;
  /**
   * Received: where in the data its SpecialObj lies, bytes. Sent: not used, objects lie in front of
   * the data.
   */
  readonly Offset: 4;
  readonly Words: 5;
}

export interface ObjectTypeLayout {
  /** OBJ_FD. Received: adopt it in onEvents, or it is closed when that returns. */
  readonly Descriptor: 0;
  /** OBJ_PTR. Cannot be sent from JavaScript; received, its memory was freed already. */
  readonly Memory: 1;
  /** OBJ_SVC: the receiver may call the service. */
  readonly Service: 2;
}

export interface EventKindLayout {
  /** A request or a death notice. */
  readonly Message: 0;
  /**
   * A call ended. Its reply, if any, has been freed already: the data is in `inbox` or `large`.
   * Status ENOENT is a failed reply, with the data that it has, if any.
   */
  readonly Call: 1;
  /** A control request ended: Status, Value0, Value1. */
  readonly Control: 2;
  /** A lane to handle Value0, generation Value1 is there (Status 0) or refused: send again. */
  readonly Lane: 3;
  /** The domain is gone. The last event. */
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
 * Layout of one trace record: word indexes, relative to `record * TraceWords.Words`. See
 * kernel/hook_types.h.
 */
export interface TraceWordsLayout {
  /** When: CLOCK_MONOTONIC ns; low and high word. */
  readonly Time: 0;
  /** The message's timestamp, low and high word. */
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

/** What {@link NativeDevice.readTrace} gives: memory of its own. */
export interface NativeTrace {
  /** TraceWords.Words for each record, oldest first. */
  readonly words: Uint32Array;
  /** Records since the last reading that were overwritten before anyone read them. */
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

/** A domain that runs in this OS process, on a thread of its own. */
export interface NativeDomain {
  /** Path of the control socket. */
  readonly path: string;
  counters(): NativeDomainCounters;
  /** Idempotent. Every device of the domain gets a Lost event. */
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

/** A task at one moment; what is counted, since it was created. */
export interface NativeTaskStatistics {
  /** Messages handed to JavaScript: requests, answers, death notices. */
  readonly received: number;
  /** Messages that were taken from their lanes and not handed to JavaScript yet. */
  readonly queued: number;
  /**
   * Lanes of the device with messages that nobody has looked at yet, for whichever of its tasks.
   */
  readonly waitingLanes: number;
  /**
   * Messages that were not handed out, by the number of the reason (the order of `dropReasons`).
   */
  readonly dropped: readonly number[];
  /** Of the device: messages in its pool that were not freed, and their bytes. */
  readonly poolMessages: number;
  readonly poolBytes: number;
  /** Of the device: bytes that each sender may have pending. */
  readonly poolSize: number;
}

export interface NativeDeviceOptions {
  /** Name of the domain or absolute path of its socket. */
  readonly domain: string;
  /** Bytes that each sender may have pending here; 0 or absent = the domain's default. */
  readonly poolSize?: number;
  /**
   * Called with the number of events in `incoming`, oldest first; its data is valid until it
   * returns.
   */
  readonly onEvents: (count: number) => void;
}

/**
 * An opened, mapped device with one task, the call task. Everything here is of the JS thread that
 * made it.
 */
export interface NativeDevice {
  readonly processId: number;
  /**
   * The task from which calls are made; replies come back to it, requests to it are not expected.
   */
  readonly callTaskId: number;
  readonly callTaskGeneration: number;
  /** Largest DataSize of a message, bytes. */
  readonly dataLimit: number;

  /** Outgoing.Words words: fill in, then sendRequest or sendReply. */
  readonly outgoing: Uint32Array;
  /**
   * Where to put the data of an outgoing message; at least dataLimit + 64 bytes, reusable after
   * each send.
   */
  readonly outbox: Uint8Array;
  /** Up to 64 events of Incoming.Words words. */
  readonly incoming: Uint32Array;
  /** Data of the events, copied out of the pool; overwritten by the next batch. */
  readonly inbox: Uint8Array;
  /**
   * Data of messages too large for the inbox: each in memory of its own, which JS keeps as long as
   * it likes.
   */
  readonly large: Uint8Array[];
  /**
   * The objects of each message that has some: ObjectWords.Words for each. Emptied when onEvents
   * has returned.
   */
  readonly objects: Uint32Array[];

  /**
   * Sends the request described in `outgoing`, with `data` instead of the outbox when given.
   * Returns 0 or a negative errno; -EINPROGRESS: not sent, send again after the Lane event.
   *
   * `objects`: up to 256 (of which 16 descriptors) of ObjectWords.Words words. Each takes 24 bytes
   * in front of the data. Descriptors stay the sender's; they must be open until the message was
   * sent. -EBADF: one is not; -EACCES: a service that this process may not call; -ENOMEM: 16
   * descriptors are on their way already.
   */
  sendRequest(data?: Uint8Array, objects?: Uint32Array): number;
  /**
   * Answers `outgoing[Outgoing.Request]`. -EINPROGRESS and -ENOMEM: not sent, the request is still
   * there; with `objects` so it is after every error.
   */
  sendReply(data?: Uint8Array, objects?: Uint32Array): number;
  /**
   * Takes over a descriptor that came with the events being handled. Throws EBADF if it did not, or
   * was adopted.
   */
  adopt(fd: number): NativeDescriptor;
  /** Frees a request that needs no answer. 0 or a negative errno. */
  free(request: number): number;
  /** Forgets a pending call. */
  cancel(callId: number): number;
  /**
   * Starts a control request; its Control event carries `userData`. Returns 0 or a negative errno.
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
  /** What is known of a task of the domain; undefined if there is none of this ID. */
  query(taskId: number): NativeTaskInfo | undefined;
  hasAccess(handle: number): boolean;
  /** How often a right to call a task was taken away from anybody: for callerStatus. */
  revocations(task: number): number;
  /**
   * Whether the caller of a request to `task`, one of this device, still waits: 0. -EPIPE: it has
   * ended. -EACCES: it may not call the task now, or its right was taken away (and perhaps given
   * again) since `revocations` was what revocations(task) said. -EINVAL: no such task of this
   * device.
   */
  callerStatus(
    task: number,
    callerTask: number,
    callerGeneration: number,
    revocations: number,
  ): number;
  counters(): Readonly<Record<string, number>>;
  /** Of a task of this device; undefined if there is none of this ID. Reads some numbers: cheap. */
  statistics(task: number): NativeTaskStatistics | undefined;

  /** Whether the open device keeps the event loop alive. A new device does. */
  ref(): void;
  unref(): void;
  /** Longest adaptive wait before the loop sleeps, ns; 0 = off. */
  setSpin(limitNs: number): void;
  /** Records this device's hooks from now on. Throws EALREADY, ENOMEM, EINVAL (0), ENOSPC. */
  startTrace(records: number): void;
  /** Ends that; what was recorded can still be read. Throws EALREADY when there is no trace. */
  stopTrace(): void;
  /** Takes what was recorded. Throws ENODATA when there never was a trace. */
  readTrace(): NativeTrace;
  /**
   * Ends tasks, thread and process. Pending calls get no event. Idempotent; resolves when all is
   * released.
   */
  close(): Promise<void>;
}

/**
 * A descriptor that belongs to JavaScript: closed by close(), when collected, or at the end of its
 * environment.
 */
export interface NativeDescriptor {
  /** Its number, close-on-exec; -1 once it was closed or released. */
  readonly fd: number;
  /**
   * Idempotent. Waits for nobody: what is no pipe or memfd is closed soon, on a thread of its own.
   */
  close(): void;
  /** Its number, which the caller has to close from now on. */
  release(): number;
}

/** A memfd that is being filled: each byte is copied once, into it. Closed when collected, too. */
export interface NativeMemoryFile {
  /** Bytes so far. Throws like append. */
  readonly size: number;
  /**
   * Appends all parts or, when it throws, none. Takes about 0.3 ms per MiB of this thread. Throws
   * an Error with `code`: ENOMEM, ENOSPC, EFBIG (ulimit -f), EBUSY (appendInBackground runs), EBADF
   * (closed or sealed).
   */
  append(parts: readonly Uint8Array[]): void;
  /**
   * The same on another thread. The parts must not be changed or transferred until the promise has
   * settled. Rejects besides with ECANCELED: it was closed meanwhile; EFAULT: a part was
   * transferred away (the file is closed then, for nobody knows what was read).
   */
  appendInBackground(parts: readonly Uint8Array[]): Promise<void>;
  /**
   * Seals it against every change and gives it away: this object is closed then. Throws EBUSY,
   * EBADF as append.
   */
  seal(): NativeDescriptor;
  /** Idempotent. Ends an appendInBackground that runs, within some ms. */
  close(): void;
}

/** The bytes of a sealed memfd. Ends with {@link release}, else when the buffer is collected. */
export interface NativeMapping {
  /**
   * The mapping itself, private: what JavaScript writes there changes a page of its own. It cannot
   * be transferred to another thread by postMessage; cloning it copies.
   */
  readonly buffer: ArrayBuffer;
  /** `buffer` is a copy in memory of V8: the platform allows no other, or it was asked for. */
  readonly copied: boolean;
  /**
   * Ends it now: the buffer is detached, views of it have the length 0. Idempotent. Nothing
   * asynchronous (zlib, fs, crypto) may be using the memory any more. Does nothing if the program
   * has moved the memory into another ArrayBuffer (`buffer.transfer()`): that one keeps it until it
   * is collected.
   */
  release(): void;
}

export interface NativeBinding {
  /** A new memfd. Throws an Error with `code`: EMFILE, ENOMEM. */
  createMemoryFile(): NativeMemoryFile;
  /**
   * Maps `length` bytes from `offset` (any number; absent = from the start, to the end) of a memfd
   * that nobody can change any more. The descriptor is needed no longer. Throws an Error with
   * `code`: EPROTO (no memfd, not sealed against writing and shrinking, made of huge pages, or with
   * holes), EINVAL (out of range), EFBIG (over 4 GiB at once), EBADF, EACCES, ENOMEM. `copy`: into
   * memory of V8.
   */
  mapMemoryFile(fd: number, offset?: number, length?: number, copy?: boolean): NativeMapping;
  /** Two connected stream sockets, close-on-exec. Throws an Error with `code`: EMFILE. */
  createSocketPair(): [NativeDescriptor, NativeDescriptor];
  /** A copy of a descriptor, close-on-exec. Throws an Error with `code`: EBADF, EMFILE. */
  duplicateDescriptor(fd: number): NativeDescriptor;
  /** Throws an Error with `code` (EADDRINUSE, EINVAL, EPERM, ...). */
  startDomain(options: NativeDomainOptions): NativeDomain;
  /** Rejects with an Error with `code`: ENODEV when no such domain runs, EACCES, EAGAIN, EINVAL. */
  openDevice(options: NativeDeviceOptions): Promise<NativeDevice>;
}
