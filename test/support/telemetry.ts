/**
 * Implements the parts of OpenTelemetry's SDK that tests need: contexts that follow asynchronous
 * calls, `traceparent`, and recorded spans.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  ROOT_CONTEXT,
  context,
  propagation,
  trace,
  type Attributes,
  type Context,
  type Exception,
  type Span,
  type SpanContext,
  type SpanKind,
  type SpanOptions,
  type SpanStatus,
} from '@opentelemetry/api';

/** A span with its end. */
export interface RecordedSpan {
  readonly name: string;
  readonly kind: SpanKind | undefined;
  readonly id: string;
  readonly traceId: string;
  readonly parentId: string | undefined;
  readonly attributes: Attributes;
  readonly exceptions: unknown[];
  status: SpanStatus | undefined;
  /** Number of calls of `end`. */
  ended: number;
}

let numbers = 0;

function startSpan(
  recorded: RecordedSpan[],
  name: string,
  options: SpanOptions,
  parentContext: Context,
): Span {
  const parent = trace.getSpanContext(parentContext);
  const spanId = (++numbers).toString(16).padStart(16, '0');
  const traceId = parent?.traceId ?? spanId.padStart(32, '0');
  const own: RecordedSpan = {
    ...{ name, kind: options.kind, id: spanId, traceId, parentId: parent?.spanId },
    ...{ attributes: { ...options.attributes }, exceptions: [], status: undefined, ended: 0 },
  };
  recorded.push(own);
  const spanContext: SpanContext = { traceId, spanId, traceFlags: 1 };
  const span: Span = {
    spanContext: () => spanContext,
    setAttribute: (key, value) => {
      own.attributes[key] = value;
      return span;
    },
    setAttributes: () => span,
    addEvent: () => span,
    addLink: () => span,
    addLinks: () => span,
    setStatus: (status) => {
      own.status = status;
      return span;
    },
    updateName: () => span,
    end: () => {
      own.ended++;
    },
    isRecording: () => true,
    recordException: (exception: Exception) => {
      own.exceptions.push(exception);
    },
  };
  return span;
}

/**
 * Registers the implementation for this process. Returns the spans in the order in which they were
 * started.
 */
export function registerTelemetry(): RecordedSpan[] {
  const recorded: RecordedSpan[] = [];
  const storage = new AsyncLocalStorage<Context>();
  const manager: Parameters<typeof context.setGlobalContextManager>[0] = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, body, self, ...args) => storage.run(active, () => body.apply(self, args)),
    bind: (_active, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  context.setGlobalContextManager(manager);
  propagation.setGlobalPropagator({
    inject: (active, carrier, setter) => {
      const span = trace.getSpanContext(active);
      if (span === undefined) return;
      setter.set(carrier, 'traceparent', `00-${span.traceId}-${span.spanId}-01`);
      const baggage = propagation.getBaggage(active)?.getEntry('note')?.value;
      if (baggage !== undefined) setter.set(carrier, 'baggage', baggage);
    },
    extract: (active, carrier, getter) => {
      const text = getter.get(carrier, 'traceparent');
      const [, traceId, spanId] = /^00-(\w{32})-(\w{16})-01$/.exec(String(text)) ?? [];
      if (traceId === undefined || spanId === undefined) return active;
      return trace.setSpanContext(active, { traceId, spanId, traceFlags: 1, isRemote: true });
    },
    fields: () => ['traceparent', 'baggage'],
  });
  trace.setGlobalTracerProvider({
    getTracer: () => ({
      startSpan: (name, options = {}, active = context.active()) =>
        startSpan(recorded, name, options, active),
      startActiveSpan: () => {
        throw new Error('not used');
      },
    }),
  });
  return recorded;
}
