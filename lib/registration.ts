/** A registered service, and which of its methods a caller may call. */
import type { Caller } from '../types/wire.js';
import type { MethodAccessSender } from './method-access-sender.js';
import { hasMethod, methodBits, type MethodAccessEntry } from './method-access.js';
import type { Decision, Judgement } from './policy.js';
import type { ServiceControlClient } from './service-control-client.js';

/** A process that was given the right to call a service. */
export interface Grant {
  readonly caller: Caller;
  readonly processGeneration: number;
  /** A bit for each method that it may call. */
  methods: Uint8Array;
}

/** A name, the service that has it, and who may call it. */
export interface Registration {
  readonly name: string;
  readonly shape: string;
  readonly hash: number;
  /** Names of its methods, by number. */
  readonly methods: readonly string[];
  readonly owner: Caller;
  readonly handle: number;
  readonly generation: number;
  /** By LiteIPC process. */
  readonly grants: Map<number, Grant>;
  /** The way to its process; undefined for a service that does not speak to the manager, as one in C. */
  readonly control: ServiceControlClient | undefined;
  /** Tells the service which methods its callers may call; undefined if it does not check that. */
  readonly access: MethodAccessSender | undefined;
}

/** Which methods a caller may call, and whether there are any. `decision` is about the service. */
export function decideMethods(
  service: Registration,
  judgement: Judgement,
  decision: Decision,
): { readonly allowed: Decision; readonly methods: Uint8Array } {
  if (!decision.allowed) return { allowed: decision, methods: methodBits([]) };
  const decisions = service.methods.map((method) => judgement.decideMethod(method));
  const methods = methodBits(decisions.map(({ allowed }) => allowed));
  const refusal = decisions.find(({ allowed }) => !allowed);
  if (refusal === undefined) return { allowed: decision, methods };
  if (service.access === undefined) {
    const explanation = `its process does not check rules for methods, so it gets only callers that may call all; ${refusal.explanation}`;
    return { allowed: { ...refusal, explanation }, methods };
  }
  const isAny = decisions.some(({ allowed }) => allowed);
  return { allowed: isAny ? decision : refusal, methods };
}

/** The methods in a set; undefined if it has all of them. */
export function namesOf(service: Registration, bits: Uint8Array): readonly string[] | undefined {
  const names = service.methods.filter((_name, index) => hasMethod(bits, index));
  return names.length === service.methods.length ? undefined : names;
}

/** What the service is told of a caller. */
export function entryOf([processId, grant]: readonly [number, Grant]): MethodAccessEntry {
  return [processId, grant.processGeneration, grant.methods];
}
