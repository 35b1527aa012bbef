/**
 * OpenTelemetry for calls: `openDevice({ domain, telemetry: openTelemetry() })`. The active context
 * of a call travels with it as metadata (W3C `traceparent`, or what the program's propagator
 * writes), and the implementation runs in that context. Each side has a span for the call. Requires
 * the package `@opentelemetry/api`; the program chooses the SDK that records the spans. Without an
 * SDK nothing is recorded.
 * @module liteipc/opentelemetry
 */
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  context,
  propagation,
  trace,
  type Attributes,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { isThenable } from './common/values.js';
import type { CallContext } from './contract/call-context.js';
import type { CallOptions } from './contract/call-options.js';
import type { Contract } from './contract/contract.js';
import { METADATA_MAX, type CallMetadata } from './contract/metadata.js';
import type { Telemetry } from './contract/telemetry.js';

export type { Telemetry } from './contract/telemetry.js';

/** Options of {@link openTelemetry}. */
export interface OpenTelemetryOptions {
  /** Creates the spans. Default: the tracer `liteipc` of the program's tracer provider. */
  readonly tracer?: Tracer;
}

type AnyFunction = (...args: unknown[]) => unknown;

interface MethodFacts {
  readonly title: string;
  readonly kind: string;
  readonly attributes: Attributes;
  /** False for methods with parcels, which cannot carry metadata. */
  readonly carriesMetadata: boolean;
}

/** Encoding overhead of a name or a text in metadata, bytes. */
const TEXT_OVERHEAD = 5;

function methodsOf(contract: Contract): readonly (readonly [string, MethodFacts])[] {
  return Object.entries(contract.methods).map(([name, { kind, inputParcel }]) => [
    name,
    {
      title: `${contract.name}/${name}`,
      kind,
      attributes: {
        'rpc.system': 'liteipc',
        'rpc.service': contract.name,
        'rpc.method': name,
      },
      carriesMetadata: inputParcel === undefined,
    },
  ]);
}

function sizeOf(metadata: CallMetadata): number {
  return Object.entries(metadata)
    .flat()
    .reduce((size, text) => size + Buffer.byteLength(text) + TEXT_OVERHEAD, TEXT_OVERHEAD);
}

/**
 * Adds the context to a call's metadata. The call's own metadata takes precedence. If both are too
 * large, everything but `traceparent` is omitted, so that telemetry does not make a call fail.
 */
function withContext(active: Context, own: CallMetadata | undefined): CallMetadata | undefined {
  const carrier: Record<string, string> = {};
  propagation.inject(active, carrier);
  const all = { ...carrier, ...own };
  if (sizeOf(all) <= METADATA_MAX) return Object.keys(all).length === 0 ? undefined : all;
  const { traceparent } = carrier;
  return traceparent === undefined ? own : { traceparent, ...own };
}

function fail(span: Span, error: unknown): void {
  const { code, name, message } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  span.recordException(error instanceof Error ? error : String(error));
  span.setAttribute('error.type', code ?? name ?? typeof error);
  span.setStatus({ code: SpanStatusCode.ERROR, message: message ?? String(error) });
  span.end();
}

/** Runs `body` in a context and ends the span with its result. */
function inSpan(span: Span, active: Context, body: () => unknown): unknown {
  let result: unknown;
  try {
    result = context.with(active, body);
  } catch (error) {
    fail(span, error);
    throw error;
  }
  if (!isThenable(result)) {
    span.end();
    return result;
  }
  return Promise.resolve(result).then(
    (value) => {
      span.end();
      return value;
    },
    (error: unknown) => {
      fail(span, error);
      throw error;
    },
  );
}

/**
 * Yields the items of an implementation, each produced in the context. The span ends with the last.
 */
async function* itemsInSpan(
  span: Span,
  active: Context,
  items: AsyncIterable<unknown> | Iterable<unknown>,
): AsyncGenerator {
  const source = items as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
  const iterator = context.with(
    active,
    () => source[Symbol.asyncIterator]?.() ?? source[Symbol.iterator]?.(),
  );
  let ended = false;
  try {
    for (;;) {
      const next = await context.with(active, async () => iterator?.next());
      if (next === undefined || next.done === true) {
        ended = true;
        return;
      }
      yield next.value;
    }
  } catch (error) {
    ended = true;
    span.recordException(error instanceof Error ? error : String(error));
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    // The reader ended the stream early.
    if (!ended) await context.with(active, async () => iterator?.return?.());
    span.end();
  }
}

function isStream(kind: string): boolean {
  return kind === 'stream' || kind === 'duplex' || kind === 'event';
}

function aroundCall(tracer: Tracer, facts: MethodFacts, send: AnyFunction): AnyFunction {
  const { title, kind, attributes, carriesMetadata } = facts;
  // A subscription has no input.
  const index = kind === 'event' ? 0 : 1;
  const withMetadata = (args: unknown[], active: Context): unknown[] => {
    const options = args[index] as CallOptions | undefined;
    if (!carriesMetadata || (options !== undefined && typeof options !== 'object')) return args;
    const metadata = withContext(active, options?.metadata);
    if (metadata === undefined) return args;
    const changed = [...args];
    changed[index] = { ...options, metadata };
    return changed;
  };
  return (...args) => {
    const active = context.active();
    // The items of a stream outlive this call; the service's span covers them.
    if (isStream(kind)) return send(...withMetadata(args, active));
    const span = tracer.startSpan(title, { kind: SpanKind.CLIENT, attributes }, active);
    const inner = trace.setSpan(active, span);
    return inSpan(span, inner, () => send(...withMetadata(args, inner)));
  };
}

function aroundImplementation(tracer: Tracer, facts: MethodFacts, run: AnyFunction): AnyFunction {
  const { title, kind, attributes } = facts;
  return (input, given) => {
    const call = given as CallContext;
    const parent = propagation.extract(ROOT_CONTEXT, call.metadata);
    const { pid, uid } = call.caller;
    const about = { ...attributes, 'liteipc.caller.pid': pid, 'liteipc.caller.uid': uid };
    const span = tracer.startSpan(title, { kind: SpanKind.SERVER, attributes: about }, parent);
    const active = trace.setSpan(parent, span);
    if (!isStream(kind)) return inSpan(span, active, () => run(input, call));
    let items: unknown;
    try {
      items = context.with(active, () => run(input, call));
    } catch (error) {
      fail(span, error);
      throw error;
    }
    return itemsInSpan(span, active, items as AsyncIterable<unknown>);
  };
}

/**
 * Wraps the methods of `target` that are functions. Other values stay, for the caller's checks to
 * reject.
 */
function wrap(
  contract: Contract,
  target: object,
  around: (facts: MethodFacts, original: AnyFunction) => AnyFunction,
): object {
  const methods = target as Readonly<Record<string, unknown>>;
  const wrapped = methodsOf(contract).map(([name, facts]) => {
    const original = methods[name];
    if (typeof original !== 'function') return [name, original];
    return [name, around(facts, (original as AnyFunction).bind(target))];
  });
  return Object.freeze(Object.fromEntries(wrapped) as Record<string, unknown>);
}

/**
 * Makes spans for the calls of a device and propagates their context: `openDevice({ domain,
 * telemetry: openTelemetry() })`.
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Telemetry {
  const tracer = options.tracer ?? trace.getTracer('liteipc');
  return {
    client: (contract, client) =>
      wrap(contract, client, (facts, send) => aroundCall(tracer, facts, send)),
    implementation: (contract, implementation) =>
      wrap(contract, implementation, (facts, run) => aroundImplementation(tracer, facts, run)),
  };
}
