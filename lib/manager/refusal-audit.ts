/**
 * Makes audit events of the refusals that services report: the manager's side of
 * device/refusal-reports.ts.
 */
import type { NativeDevice } from '../../types/native.js';
import type { AuditEvent } from './audit-log.js';
import type { Policy } from '../policy/policy.js';
import { subjectInWords, type Identity } from '../policy/subject.js';
import { TokenBucket } from '../policy/token-bucket.js';
import { quotaInWords } from '../policy/quota.js';
import type { Registration } from './registration.js';
import type { RefusalEntry, RefusalReport } from '../registry/protocol.js';

/**
 * Reports that are accepted from one service, per second and in a burst. A service sends one a
 * second.
 */
const REPORTS_PER_SECOND = 2;
const REPORTS_BURST = 4;

/** The decision about a message, with its reason. */
type MessageDecision = Pick<AuditEvent, 'explanation' | 'rule'>;

/** Converts the reports of one manager's services to audit events. */
export class RefusalAudit {
  readonly #buckets = new WeakMap<Registration, TokenBucket>();

  constructor(
    private readonly native: Pick<NativeDevice, 'query'>,
    private readonly policy: Policy,
    private readonly onAudit: (event: AuditEvent) => void,
  ) {}

  /**
   * Emits an audit event for each entry of a validated report. Returns false, without an effect, if
   * the service sends too many reports.
   */
  take(service: Registration, { entries, others }: RefusalReport): boolean {
    const now = performance.now();
    let bucket = this.#buckets.get(service);
    if (bucket === undefined) {
      bucket = new TokenBucket(REPORTS_PER_SECOND, REPORTS_BURST, now);
      this.#buckets.set(service, bucket);
    }
    if (bucket.waitMs(1, now) > 0) return false;
    bucket.take(1);
    const time = new Date();
    for (const [index, entry] of entries.entries()) {
      const [, , number, , count] = entry;
      const caller = this.#identityOf(service, entry);
      if (caller === undefined) continue;
      const method = service.methods[number] ?? `method ${number}`;
      this.onAudit({
        ...{ time, occasion: 'message', action: 'call', service: service.name, method, caller },
        ...{ allowed: false, ...this.#decisionOf(service, method, caller, entry), count },
        ...(others > 0 && index === entries.length - 1 ? { others } : {}),
      });
    }
    return true;
  }

  /**
   * Returns the caller's identity from the manager's own records, because a service reports only
   * process and task.
   */
  #identityOf(service: Registration, [taskId, processId]: RefusalEntry): Identity | undefined {
    const granted = service.grants.get(processId)?.caller;
    const task = this.native.query(taskId);
    const known = granted ?? (task?.processId === processId ? task : undefined);
    return known && { pid: known.pid, uid: known.uid, gid: known.gid };
  }

  #decisionOf(
    { name: service }: Registration,
    method: string,
    caller: Identity,
    [, , , limit]: RefusalEntry,
  ): MessageDecision {
    if (limit !== 0) {
      const found = this.policy.limitById(limit);
      if (found?.rule.service !== service || found.rule.quota === undefined) {
        return { explanation: 'exceeded a quota that is no longer in the rules' };
      }
      const { rule, name } = found;
      const quota = quotaInWords(found.rule.quota);
      return { explanation: `${name} limits ${subjectInWords(rule.subject)} to ${quota}`, rule };
    }
    const decision = this.policy.decide('call', service, caller, method);
    if (!decision.allowed) {
      const { explanation, rule } = decision;
      return { explanation, ...(rule === undefined ? {} : { rule }) };
    }
    return {
      explanation: 'the caller had no grant from the ServiceManager, or the rules were different',
    };
  }
}
