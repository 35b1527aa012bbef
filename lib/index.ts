/**
 * LiteIPC for Node: typed, permission-checked calls between processes and worker threads over
 * shared memory, by the mechanism of the LiteOS-A kernel.
 */
export { ServiceManager } from './manager/manager.js';
export type {
  PolicyLoaded,
  ServiceManagerEvents,
  ServiceManagerOptions,
} from './manager/manager.js';
export { PolicyFileError } from './policy/file-error.js';
export type { PolicyProblem } from './policy/file-error.js';
export type { PolicyWarning } from './policy/warnings.js';
export type { ServiceInfo } from './manager/registry-service.js';
export type { AuditEvent } from './manager/audit-log.js';
export type { ConsideredRule, Decision, Explanation, LimitInForce } from './policy/policy.js';
export { upstreamQuota } from './policy/quota.js';
export type { Quota } from './policy/quota.js';
export { allow, deny, limit } from './policy/rules.js';
export type {
  CallRuleBuilder,
  MethodNames,
  PolicyInput,
  Rule,
  RuleAction,
  RuleBuilder,
} from './policy/rules.js';
export type {
  CallerIdentity,
  Identity,
  Subject,
  SubjectPredicate,
  UidRange,
} from './policy/subject.js';
export { Inspector } from './manager/inspect/contract.js';
export type {
  DomainProfile,
  DomainReport,
  ExplainInput,
  ExplainOutput,
  MethodPage,
  MethodReport,
  PageInput,
  ProcessReport,
  ServiceReport,
  StartWatchInput,
  WatchPart,
  WatchRead,
} from './manager/inspect/contract.js';
export type { ServiceCounts, ServiceStatistics } from './service/statistics.js';
export { openDevice } from './device/device.js';
export type { Device, DeviceEvents, DeviceOptions } from './device/device.js';
export type { DrainOptions, Exposed } from './device/exposed.js';
export { exposeInWorkers } from './worker-pool/worker-pool.js';
export type { WorkerPool, WorkerPoolOptions } from './worker-pool/worker-pool.js';
export type { ExposeOptions } from './device/expose-options.js';
export type { Balance, ServiceOptions } from './client/options.js';
export { defineService, duplex, event, method, oneway, sink, stream } from './contract/contract.js';
export type {
  Client,
  ClientMethod,
  ClientOf,
  ClientStream,
  Contract,
  ContractOptions,
  EventArguments,
  EventNames,
  Implementation,
  ImplementationMethod,
  ImplementationOf,
  Items,
  MethodDefinition,
  MethodDefinitions,
  MethodKind,
  MethodSchema,
  MethodSchemas,
  StreamSchemas,
} from './contract/contract.js';
export { IpcIo } from './ipc-io/ipc-io.js';
export { parcel } from './ipc-io/parcel-format.js';
export type { ParcelFormat } from './ipc-io/parcel-format.js';
export type { IpcIoOptions } from './ipc-io/store.js';
export type { SvcIdentity } from './ipc-io/writable-parcel.js';
export type { CallContext } from './contract/call-context.js';
export type { CallOptions } from './contract/call-options.js';
export type { CallMetadata } from './contract/metadata.js';
export type { FileSource, ReceivedFile } from './native/files.js';
export { releaseBytes, releasedAtEnd } from './native/mapped-memory.js';
export { Reference } from './attachments/reference.js';
export type { AnonymousService } from './device/anonymous-service.js';
export type { OnServiceError } from './service/host.js';
export type { Telemetry } from './contract/telemetry.js';
export { LiteIpcError } from './common/errors.js';
export type { LiteIpcErrorCode, ServiceReference } from './common/errors.js';
export { RemoteError } from './wire/remote-error.js';
export type { TraceOptions } from './trace/device-trace.js';
export { dropReasons, traceHooks } from './trace/record.js';
export type {
  DropReason,
  Trace,
  TraceHook,
  TraceMessageType,
  TraceRecord,
} from './trace/record.js';
export { traceToChrome } from './trace/chrome.js';
export type { ChromeTrace, ChromeTraceEvent, ChromeTraceSource } from './trace/chrome.js';
export type { Caller, ProcessId, ServiceHandle, TaskId } from '../types/wire.js';
