/**
 * Wraps a native device with promises instead of events, for tests of the native contract. It has
 * no services and no encodings.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ControlOperation,
  EventKind,
  Incoming,
  MessageFlag,
  MessageType,
  ObjectType,
  ObjectWords,
  Outgoing,
} from '#lib/native/layout.js';
import { loadNativeBinding } from '#lib/native/binding.js';
import type { NativeDevice, NativeDomain } from '../../types/native.js';

export const errno = {
  EPERM: -1,
  ENOENT: -2,
  EBADF: -9,
  ENOMEM: -12,
  EACCES: -13,
  EINVAL: -22,
  EPIPE: -32,
  EMSGSIZE: -90,
  EINPROGRESS: -115,
  ENODEV: -19,
} as const;

export interface RawEvent {
  readonly kind: number;
  readonly status: number;
  readonly task: number;
  readonly type: number;
  readonly code: number;
  readonly token: number;
  readonly cookie: number;
  readonly flag: number;
  /** A copy, or the memory of a large message. */
  readonly data: Uint8Array;
  readonly isLarge: boolean;
  readonly request: number;
  readonly processId: number;
  readonly taskId: number;
  readonly taskGeneration: number;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  readonly userData: number;
  readonly value0: number;
  readonly value1: number;
  readonly deadlineMs: number;
  readonly timestamp: bigint;
  readonly objects: readonly RawObject[];
}

/** An object of a message. */
export interface RawObject {
  readonly type: number;
  readonly values: readonly [number, number, number];
  readonly offset: number;
}

/** Encodes objects as words of the native contract. */
export const rawObject = {
  descriptor: (fd: number) => [ObjectType.Descriptor, fd >>> 0, 0, 0, 0],
  service: (handle: number, token: number, cookie: number) => [
    ObjectType.Service,
    handle >>> 0,
    token,
    cookie,
    0,
  ],
};

export interface RequestOptions {
  readonly code?: number;
  readonly token?: number;
  readonly cookie?: number;
  readonly deadlineMs?: number;
  readonly generation?: number;
  /** Pass the data as an argument instead of writing it to the outbox. */
  readonly asArgument?: boolean;
  readonly objects?: Uint32Array;
}

export class RawDevice {
  native!: NativeDevice;
  /** True if the domain has ended. */
  lost = false;
  isClosed = false;
  onRequest: (event: RawEvent) => void = (event) => {
    this.native.free(event.request);
  };
  onDeath: (event: RawEvent) => void = () => undefined;
  /** Called with every event, before the other callbacks. */
  onAny: (event: RawEvent) => void = () => undefined;
  #nextUserData = 1;
  readonly #waiting = new Map<number, (event: RawEvent) => void>();
  readonly #lanes = new Map<number, ((status: number) => void)[]>();

  static async open(domain: string, poolSize?: number): Promise<RawDevice> {
    const device = new RawDevice();
    device.native = await loadNativeBinding().openDevice({
      domain,
      ...(poolSize === undefined ? {} : { poolSize }),
      onEvents: (count) => {
        for (let index = 0; index < count; index++) device.#take(device.#event(index));
      },
    });
    return device;
  }

  #event(index: number): RawEvent {
    const at = (word: number): number => this.native.incoming[index * Incoming.Words + word] ?? NaN;
    const isLarge = at(Incoming.DataLarge) === 1;
    const start = at(Incoming.DataStart);
    return {
      kind: at(Incoming.Kind),
      status: at(Incoming.Status) | 0,
      task: at(Incoming.Task),
      type: at(Incoming.Type),
      code: at(Incoming.Code),
      token: at(Incoming.Token),
      cookie: at(Incoming.Cookie),
      flag: at(Incoming.Flag),
      data: isLarge
        ? (this.native.large[start] ?? new Uint8Array())
        : this.native.inbox.slice(start, start + at(Incoming.DataSize)),
      isLarge,
      request: at(Incoming.Request),
      processId: at(Incoming.ProcessId),
      taskId: at(Incoming.TaskId),
      taskGeneration: at(Incoming.TaskGeneration),
      pid: at(Incoming.Pid),
      uid: at(Incoming.Uid),
      gid: at(Incoming.Gid),
      userData: at(Incoming.UserData),
      value0: at(Incoming.Value0),
      value1: at(Incoming.Value1),
      deadlineMs: at(Incoming.DeadlineMs),
      timestamp: (BigInt(at(Incoming.TimestampHigh)) << 32n) | BigInt(at(Incoming.TimestampLow)),
      objects: this.#objects(at(Incoming.Objects)),
    };
  }

  #objects(place: number): RawObject[] {
    const words = place === 0 ? new Uint32Array() : this.native.objects[place - 1];
    if (words === undefined) throw new Error(`no objects at index ${place}`);
    return Array.from({ length: words.length / ObjectWords.Words }, (_, index) => {
      const at = (word: number): number => words[index * ObjectWords.Words + word] ?? NaN;
      return {
        type: at(ObjectWords.Type),
        values: [at(ObjectWords.Value0), at(ObjectWords.Value1), at(ObjectWords.Value2)],
        offset: at(ObjectWords.Offset),
      };
    });
  }

  #take(event: RawEvent): void {
    this.onAny(event);
    switch (event.kind) {
      case EventKind.Message:
        if (event.type === MessageType.Request) this.onRequest(event);
        else this.onDeath(event);
        break;
      case EventKind.Call:
      case EventKind.Control: {
        const settle = this.#waiting.get(event.userData);
        this.#waiting.delete(event.userData);
        settle?.(event);
        break;
      }
      case EventKind.Lane: {
        const retries = this.#lanes.get(event.value0) ?? [];
        this.#lanes.delete(event.value0);
        for (const retry of retries) retry(event.status);
        break;
      }
      default:
        this.lost = true;
    }
  }

  #whenLane(handle: number, retry: (status: number) => void): void {
    const retries = this.#lanes.get(handle) ?? [];
    retries.push(retry);
    this.#lanes.set(handle, retries);
  }

  #expect(userData: number): Promise<RawEvent> {
    return new Promise((resolve) => this.#waiting.set(userData, resolve));
  }

  /** Sends a control request and returns the event that ends it. */
  async control(
    operation: number,
    task: number,
    value0 = 0,
    value1 = 0,
    value2 = 0,
    value3 = 0,
  ): Promise<RawEvent> {
    const userData = this.#nextUserData++;
    const event = this.#expect(userData);
    const status = this.native.control(
      operation as 0,
      task,
      value0,
      value1,
      value2,
      value3,
      userData,
    );
    if (status !== 0) throw new Error(`control ${operation}: ${status}`);
    return event;
  }

  /** Creates a task and returns its ID. */
  async createTask(): Promise<number> {
    const event = await this.control(ControlOperation.TaskCreate, 0);
    if (event.status !== 0) throw new Error(`TaskCreate: ${event.status}`);
    return event.value0;
  }

  /** Writes the request; returns true if the data has to be passed as an argument. */
  #writeRequest(handle: number, data: Uint8Array, flag: number, options: RequestOptions): boolean {
    const { native } = this;
    native.outgoing[Outgoing.Task] = native.callTaskId;
    native.outgoing[Outgoing.Handle] = handle;
    native.outgoing[Outgoing.Generation] = options.generation ?? 0;
    native.outgoing[Outgoing.Token] = options.token ?? 0;
    native.outgoing[Outgoing.Cookie] = options.cookie ?? 0;
    native.outgoing[Outgoing.Code] = options.code ?? 0;
    native.outgoing[Outgoing.Flag] = flag;
    native.outgoing[Outgoing.DeadlineMs] = options.deadlineMs ?? 0;
    return this.#writeData(data, options.asArgument ?? data.length > native.dataLimit);
  }

  #writeData(data: Uint8Array, asArgument: boolean): boolean {
    if (asArgument) return true;
    this.native.outgoing[Outgoing.DataStart] = 8;
    this.native.outgoing[Outgoing.DataSize] = data.length;
    this.native.outbox.set(data, 8);
    return false;
  }

  /** Tries to send a call: returns the status, and the event that ends the call. */
  tryCall(
    handle: number,
    data: Uint8Array,
    options: RequestOptions = {},
  ): { status: number; callId: number; ended: Promise<RawEvent> } {
    const userData = this.#nextUserData++;
    const isArgument = this.#writeRequest(handle, data, MessageFlag.Default, options);
    this.native.outgoing[Outgoing.UserData] = userData;
    const status = this.native.sendRequest(isArgument ? data : undefined, options.objects);
    const callId = this.native.outgoing[Outgoing.CallId] ?? 0;
    const ended = status === 0 ? this.#expect(userData) : Promise.reject(new Error(`${status}`));
    ended.catch(() => undefined);
    return { status, callId, ended };
  }

  /** Waits until a refused send may succeed: returns 0, or the status if it never will. */
  async #untilPossible(status: number, handle: number): Promise<number> {
    if (status === errno.EINPROGRESS) {
      return new Promise((resolve) => {
        this.#whenLane(handle, resolve);
      });
    }
    if (status !== errno.ENOMEM) return status;
    await sleep(1);
    return 0;
  }

  /** Makes a call and waits for lane, room and answer. The status has the result. */
  async call(
    handle: number,
    data: Uint8Array,
    options: RequestOptions = {},
  ): Promise<{ status: number; data: Uint8Array; event?: RawEvent }> {
    for (;;) {
      if (this.isClosed) return { status: errno.ENODEV, data: new Uint8Array() };
      const { status, ended } = this.tryCall(handle, data, options);
      if (status === 0) {
        const event = await ended;
        return { status: event.status, data: event.data, event };
      }
      const final = await this.#untilPossible(status, handle);
      if (final !== 0) return { status: final, data: new Uint8Array() };
    }
  }

  /** Sends a one-way message, and waits for lane and room. */
  async sendOneway(
    handle: number,
    data: Uint8Array,
    options: RequestOptions = {},
  ): Promise<number> {
    for (;;) {
      const isArgument = this.#writeRequest(handle, data, MessageFlag.OneWay, options);
      const status = this.native.sendRequest(isArgument ? data : undefined, options.objects);
      if (status === 0) return 0;
      const final = await this.#untilPossible(status, handle);
      if (final !== 0) return final;
    }
  }

  /** Answers a request, and waits for lane and room. `settled` receives the final status. */
  reply(
    request: RawEvent,
    data: Uint8Array,
    code = 0,
    settled: (status: number) => void = () => undefined,
    objects?: Uint32Array,
  ): void {
    const { native } = this;
    native.outgoing[Outgoing.Task] = request.task;
    native.outgoing[Outgoing.Request] = request.request;
    native.outgoing[Outgoing.Token] = request.token;
    native.outgoing[Outgoing.Cookie] = request.cookie;
    native.outgoing[Outgoing.Code] = code;
    native.outgoing[Outgoing.Flag] = 0;
    const isArgument = this.#writeData(data, data.length > native.dataLimit);
    const status = native.sendReply(isArgument ? data : undefined, objects);
    if (status !== errno.EINPROGRESS && status !== errno.ENOMEM) {
      settled(status);
      return;
    }
    void this.#untilPossible(status, request.taskId).then((final) => {
      if (this.isClosed) return;
      if (final === 0) {
        this.reply(request, data, code, settled, objects);
      } else {
        native.free(request.request);
        settled(final);
      }
    });
  }

  /** Answers every request with its data. */
  echo(): void {
    this.onRequest = (event) => {
      if (event.flag === MessageFlag.OneWay) this.native.free(event.request);
      else this.reply(event, event.data);
    };
  }

  async whenLost(): Promise<void> {
    while (!this.lost) await once(AbortSignal.timeout(5), 'abort');
  }

  close(): Promise<void> {
    this.isClosed = true;
    return this.native.close();
  }
}

/** Makes a device the ServiceManager and returns its task. */
export async function becomeManager(device: RawDevice): Promise<number> {
  const task = await device.createTask();
  const event = await device.control(ControlOperation.SetCms, task, 4096);
  if (event.status !== 0) throw new Error(`SetCms: ${event.status}`);
  return task;
}

/** Makes a task of `service` a service and returns its handle. */
export async function register(
  manager: RawDevice,
  managerTask: number,
  service: RawDevice,
): Promise<number> {
  const task = await service.createTask();
  const event = await manager.control(ControlOperation.GenHandle, managerTask, task);
  if (event.status !== 0) throw new Error(`GenHandle: ${event.status}`);
  return event.value0;
}

/** Allows the process of a task to call a handle. */
export async function grant(
  manager: RawDevice,
  managerTask: number,
  clientTask: number,
  handle: number,
): Promise<void> {
  const event = await manager.control(ControlOperation.AddAccess, managerTask, clientTask, handle);
  if (event.status !== 0) throw new Error(`AddAccess: ${event.status}`);
}

let domainsNamed = 0;
/** Returns a new name for a domain. */
export function freshName(): string {
  domainsNamed += 1;
  return `domain-${domainsNamed}`;
}

/** A domain with its manager, one service, and one client that may call it. */
export interface World {
  readonly domain: NativeDomain;
  readonly manager: RawDevice;
  readonly managerTask: number;
  readonly service: RawDevice;
  readonly client: RawDevice;
  readonly handle: number;
  /** Closes client, service, manager and domain. */
  end(): Promise<void>;
}

/** Makes a world in this thread, whose service echoes. */
export async function makeWorld(name: string, profile = 0): Promise<World> {
  const domain = loadNativeBinding().startDomain({ name, profile });
  const manager = await RawDevice.open(name);
  const managerTask = await becomeManager(manager);
  const service = await RawDevice.open(name);
  const handle = await register(manager, managerTask, service);
  service.echo();
  const client = await RawDevice.open(name);
  await grant(manager, managerTask, client.native.callTaskId, handle);
  return {
    domain,
    manager,
    managerTask,
    service,
    client,
    handle,
    end: async () => {
      await client.close();
      await service.close();
      await manager.close();
      domain.stop();
    },
  };
}
