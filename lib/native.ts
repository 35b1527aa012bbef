/**
 * The layer below values: parcels (`IpcIo`), which C programs read and write, and the records of a
 * message trace.
 * @module liteipc/native
 */
export { IpcIo } from './ipc-io/ipc-io.js';
export { parcel } from './ipc-io/parcel-format.js';
export type { ParcelFormat } from './ipc-io/parcel-format.js';
export type { IpcIoOptions } from './ipc-io/store.js';
export type { SvcIdentity } from './ipc-io/writable-parcel.js';
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
