/**
 * LiteIPC for Node: typed, permission-checked calls between processes and worker threads over
 * shared memory, by the mechanism of the LiteOS-A kernel. `liteipc/manager` has the details of
 * policies and inspection, `liteipc/native` parcels and message traces.
 * @module liteipc
 */
export { openDevice } from './device/device.js';
export type { Device, DeviceEvents, DeviceOptions } from './device/device.js';
export type { ExposeOptions } from './device/expose-options.js';
export type { DrainOptions, Exposed } from './device/exposed.js';
export type { AnonymousService } from './device/anonymous-service.js';
export { exposeInWorkers } from './worker-pool/worker-pool.js';
export type { WorkerPool, WorkerPoolOptions } from './worker-pool/worker-pool.js';
export type { Balance, ServiceOptions } from './client/options.js';
export { ServiceManager } from './manager/manager.js';
export type { ServiceManagerOptions } from './manager/manager.js';
export { allow, deny, limit } from './policy/rules.js';
export { defineService, duplex, event, method, oneway, sink, stream } from './contract/contract.js';
export * from './contract/types.js';
export type { ContractOptions } from './contract/contract.js';
export type {
  MethodDefinition,
  MethodDefinitions,
  MethodKind,
  MethodSchema,
  MethodSchemas,
  StreamSchemas,
} from './contract/methods.js';
export type { CallOptions } from './contract/call-options.js';
export type { Telemetry } from './contract/telemetry.js';
export type { CallContext } from './contract/call-context.js';
export type { OnServiceError } from './service/host.js';
export type { CallMetadata } from './contract/metadata.js';
export { RemoteError } from './wire/remote-error.js';
export { LiteIpcError } from './common/errors.js';
export type { LiteIpcErrorCode, ServiceReference } from './common/errors.js';
export { Reference } from './attachments/reference.js';
export type { FileSource, ReceivedFile } from './native/files.js';
export { releaseBytes, releasedAtEnd } from './native/mapped-memory.js';
export type { Caller, ProcessId, ServiceHandle, TaskId } from '../types/wire.js';
