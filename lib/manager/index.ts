/**
 * The ServiceManager and everything about its policy: rules, quotas, audit events, and the
 * inspector, which reports on a running domain.
 * @module liteipc/manager
 */
export { ServiceManager } from './manager.js';
export type { PolicyLoaded, ServiceManagerEvents, ServiceManagerOptions } from './manager.js';
export type { AuditEvent } from './audit-log.js';
export type { ServiceInfo } from './registry-service.js';
export * from './inspect/contract.js';
export { PolicyFileError } from '../policy/file-error.js';
export type { PolicyProblem } from '../policy/file-error.js';
export type { ConsideredRule, Decision, Explanation, LimitInForce } from '../policy/policy.js';
export { upstreamQuota } from '../policy/quota.js';
export type { Quota } from '../policy/quota.js';
export { allow, deny, limit } from '../policy/rules.js';
export type {
  CallRuleBuilder,
  MethodNames,
  PolicyInput,
  Rule,
  RuleAction,
  RuleBuilder,
} from '../policy/rules.js';
export type {
  CallerIdentity,
  Identity,
  Subject,
  SubjectPredicate,
  UidRange,
} from '../policy/subject.js';
export type { PolicyWarning } from '../policy/warnings.js';
export type { ServiceCounts } from '../service/host.js';
export type { ServiceStatistics } from '../service/statistics.js';
export type { NativeDomainCounters } from '../../types/native.js';
