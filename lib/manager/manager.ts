/** The ServiceManager: starts a domain in this process and decides who may call what in it. */
import { EventEmitter } from 'node:events';
import { AuditLog, type AuditEvent } from './audit-log.js';
import type { Contract } from '../contract/contract.js';
import { checkDomainName, checkInteger, checkObject, unexpected } from '../common/arguments.js';
import type { Connection } from '../connection/connection.js';
import { LiteIpcError } from '../common/errors.js';
import type { DomainProfile } from './inspect/contract.js';
import { InspectorService } from './inspect/inspector.js';
import { ControlOperation } from '../native/layout.js';
import { openConnection } from '../device/open-connection.js';
import { loadNativeBinding } from '../native/binding.js';
import { Policy, type Explanation } from '../policy/policy.js';
import type { PolicyFileError } from '../policy/file-error.js';
import type { PolicyFile } from '../policy/file.js';
import { PolicyWarnings, type PolicyWarning } from '../policy/warnings.js';
import {
  checkMethodNames,
  makeRule,
  nameOf,
  toRules,
  type PolicyInput,
  type Rule,
} from '../policy/rules.js';
import { checkIdentity, type Identity, type Subject } from '../policy/subject.js';
import { RegistryService, type ServiceInfo } from './registry-service.js';
import { Registry } from '../registry/protocol.js';
import { ServiceHost } from '../service/host.js';
import type { NativeDomain, NativeDomainCounters } from '../../types/native.js';

/** Bytes of a message to the ServiceManager besides its data. */
const MESSAGE_OVERHEAD = 4096;

/** What {@link ServiceManager.start} takes. */
export interface ServiceManagerOptions {
  /** 1 to 64 of `[A-Za-z0-9._-]`, or the absolute path of the domain's socket. */
  readonly domain: string;
  /** Who may call and serve what. Default: the manager's own uid, everything. */
  readonly policy?: PolicyInput;
  /**
   * More rules, in a file of JSON with comments (policy.schema.json); reloaded when it changes. A
   * file that is not good keeps the manager from starting; later it changes nothing and is told by
   * `policyError`.
   */
  readonly policyFile?: string;
  /** File that gets a line of JSON for every {@link AuditEvent}, after what it has. */
  readonly auditLog?: string;
  /** Default `host`. */
  readonly profile?: DomainProfile;
  /** Permission bits of the socket. Default 0o600; others than the owner need more to connect. */
  readonly socketMode?: number;
  /** Group of the socket. */
  readonly socketGid?: number;
}

/** A policy file that was loaded while the manager runs. */
export interface PolicyLoaded {
  /** Absolute path. */
  readonly file: string;
  /** How many rules it has. */
  readonly rules: number;
  /** How many processes lost a right, or methods, by it. */
  readonly revoked: number;
}

/** Events of a {@link ServiceManager}. */
export interface ServiceManagerEvents {
  /** The policy file has changed; its rules are in force, what they deny has been revoked. */
  policyLoaded: [loaded: PolicyLoaded];
  /**
   * The policy file has changed and cannot be used: the rules that it had before stay in force.
   * Without a listener it is a process warning.
   */
  policyError: [error: PolicyFileError];
  /**
   * A rule names methods that a registered service does not have, perhaps misspelt: told when the
   * service registers, or else when the rules change, and once until something about it changes.
   * Without a listener it is a process warning.
   */
  policyWarning: [warning: PolicyWarning];
  /** Somebody asked for a service or a name, or lost one because the rules have changed. */
  audit: [event: AuditEvent];
}

/**
 * Every manager that was started and not closed: a program need not hold on to it for its domain to
 * live, and the end of a NativeDomain object is the end of the domain.
 */
const running = new Set<ServiceManager>();

function startError(error: unknown, domain: string): Error {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code !== 'string' || !(error instanceof Error)) return error as Error;
  const remedies: Readonly<Record<string, string>> = {
    EADDRINUSE: 'a domain of this name is running; choose another name or end that one',
    EPERM: 'its folder is not safe: it must belong to this user and be writable by nobody else',
    ENOENT: 'there is no folder for its socket; make it first',
    EACCES: 'this user may not make its socket there, or reach the folder for it',
    EEXIST: 'something that is not a socket lies at its path; remove it or choose another path',
  };
  const text = remedies[code] ?? error.message;
  return new LiteIpcError(code, `Domain "${domain}": ${text} (${code})`, { cause: error });
}

function runtimeRule(
  effect: Rule['effect'],
  service: Contract | string,
  subject: Subject,
  methods: readonly string[],
): Rule {
  const name = nameOf(service);
  if (!Array.isArray(methods)) throw unexpected('an array of names', 'methods', methods);
  checkMethodNames(service, methods);
  return makeRule({ effect, action: 'call', service: name, methods, subject });
}

/**
 * Most bytes of a message to the manager that may lie in memory of their own: contracts are no
 * larger.
 */
const MESSAGE_LIMIT = 1024 * 1024;

/** A running domain and its ServiceManager. */
export class ServiceManager extends EventEmitter<ServiceManagerEvents> implements AsyncDisposable {
  /** As given to {@link ServiceManager.start}. */
  readonly domain: string;
  /** The domain's socket. */
  readonly path: string;

  readonly #native: NativeDomain;
  readonly #connection: Connection;
  readonly #policy: Policy;
  readonly #registry: RegistryService;
  readonly #policyFile: PolicyFile | undefined;
  readonly #auditLog: AuditLog | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    domain: string,
    native: NativeDomain,
    connection: Connection,
    policy: Policy,
    registry: RegistryService,
    policyFile: PolicyFile | undefined,
    auditLog: AuditLog | undefined,
  ) {
    super();
    this.domain = domain;
    this.path = native.path;
    this.#native = native;
    this.#connection = connection;
    this.#policy = policy;
    this.#registry = registry;
    this.#policyFile = policyFile;
    this.#auditLog = auditLog;
  }

  /**
   * Starts a domain whose server is a thread of this process, and becomes its ServiceManager.
   * Rejects with EADDRINUSE if a domain of this name is running. The domain ends with {@link close}
   * or with the process.
   */
  static async start(options: ServiceManagerOptions): Promise<ServiceManager> {
    checkObject(options, 'the options of ServiceManager.start');
    const { domain, policy: rules = [], policyFile, profile = 'host' } = options;
    const { socketMode, socketGid, auditLog: auditPath } = options;
    checkDomainName(domain, 'domain');
    if (profile !== 'host' && profile !== 'liteos-a') {
      throw unexpected("'host' or 'liteos-a'", 'profile', profile);
    }
    if (socketMode !== undefined) checkInteger(socketMode, 'socketMode', 0, 0o777);
    if (socketGid !== undefined) checkInteger(socketGid, 'socketGid', 0, 0xffff_fffe);
    const checkedRules = toRules(rules);
    if (policyFile !== undefined && (typeof policyFile !== 'string' || policyFile === '')) {
      throw unexpected('a path', 'policyFile', policyFile);
    }
    if (auditPath !== undefined && (typeof auditPath !== 'string' || auditPath === '')) {
      throw unexpected('a path', 'auditLog', auditPath);
    }
    // Its readers are loaded only where there is one.
    const file = policyFile && new (await import('../policy/file.js')).PolicyFile(policyFile);
    const fileRules = file ? await file.load() : [];

    const auditLog = auditPath === undefined ? undefined : await AuditLog.open(auditPath);

    let native: NativeDomain;
    try {
      native = loadNativeBinding().startDomain({
        name: domain,
        profile: profile === 'host' ? 0 : 1,
        ...(socketMode === undefined ? {} : { socketMode }),
        ...(socketGid === undefined ? {} : { socketGid }),
      });
    } catch (error) {
      await auditLog?.close();
      throw startError(error, domain);
    }
    let connection: Connection | undefined;
    try {
      const made: { registry?: RegistryService; manager?: ServiceManager } = {};
      connection = await openConnection(
        { domain: native.path, messageLimit: MESSAGE_LIMIT },
        {
          onLost: (lost) => void lost.close(),
          onServiceDeath: (handle) => made.registry?.onDeath(handle),
        },
      );
      const { value0: task } = await connection.control(ControlOperation.TaskCreate, 0);
      const self = connection.native.query(task);
      const policy = new Policy(checkedRules, self?.uid ?? 0);
      policy.replaceFile(fileRules);
      const warnings = new PolicyWarnings(policy, (warning) => {
        queueMicrotask(() => {
          if (made.manager?.emit('policyWarning', warning) === true) return;
          process.emitWarning(warning.message, 'LiteIpcWarning');
        });
      });
      const registry = new RegistryService(connection, task, policy, {
        onAudit: (event) => {
          auditLog?.write(event);
          // Not here: what a listener throws is not the answer to whoever asked.
          queueMicrotask(() => made.manager?.emit('audit', event));
        },
        onRegistered: (service) => {
          warnings.check(service);
        },
      });
      made.registry = registry;
      // Before the role is taken: the first request may come at once.
      connection.hosts.set(task, new ServiceHost(Registry, registry));
      const sizeMax = connection.native.dataLimit + MESSAGE_OVERHEAD;
      await connection.control(ControlOperation.SetCms, task, sizeMax);
      await connection.control(ControlOperation.SetIpcTask, task);
      await InspectorService.start({
        domain,
        profile,
        native,
        connection,
        registry,
        ruleCount: () => policy.rules.length,
      });
      const manager = new ServiceManager(
        domain,
        native,
        connection,
        policy,
        registry,
        file || undefined,
        auditLog,
      );
      made.manager = manager;
      manager.#watchPolicyFile();
      running.add(manager);
      return manager;
    } catch (error) {
      await connection?.close();
      native.stop();
      await auditLog?.close();
      throw error;
    }
  }

  /** The services that are registered and alive. */
  services(): ServiceInfo[] {
    return this.#registry.list();
  }

  /**
   * May this caller call the service, or this method of it, and which rule decides? What is
   * answered is what a client of this pid, uid and gid would be told now.
   */
  explain(caller: Identity, service: Contract | string, method?: string): Explanation {
    checkIdentity(caller);
    const name = nameOf(service);
    if (method !== undefined) checkMethodNames(service, [method]);
    return this.#registry.explain(caller, name, method);
  }

  /** May this caller register the service's name, and which rule decides? */
  explainServing(caller: Identity, service: Contract | string): Explanation {
    checkIdentity(caller);
    const judgement = this.#policy.judge('serve', nameOf(service), caller);
    const { limits, considered } = judgement;
    return { ...judgement.decide(), limits, considered };
  }

  /** The rules: the program's, the file's, granted and revoked ones. */
  get rules(): readonly Rule[] {
    return this.#policy.rules;
  }

  /**
   * Reads the policy file now, e.g. at SIGHUP, instead of at the next look (four in a second).
   * Rejects with a {@link PolicyFileError} that changes nothing.
   */
  async reloadPolicy(): Promise<PolicyLoaded> {
    const file = this.#policyFile;
    if (file === undefined) {
      throw new LiteIpcError('EINVAL', 'This manager was started without a policyFile (EINVAL)');
    }
    return await this.#useFile(file, await file.load());
  }

  /** What the domain holds at the moment, for tests and tools. */
  counters(): NativeDomainCounters {
    return this.#native.counters();
  }

  /**
   * Admits to a service, or to some of its methods, besides whom the policy admits, until {@link
   * revoke} of the same or the end of the manager. A standing `deny` still wins. Resolves when
   * those who have the service already can use it.
   */
  async grant(
    service: Contract | string,
    subject: Subject,
    methods: readonly string[] = [],
  ): Promise<void> {
    this.#policy.grant(runtimeRule('allow', service, subject, methods));
    await this.#registry.decideAgain();
  }

  /**
   * Takes away the right to call a service, or some of its methods, at once and from then on, until
   * {@link grant} of the same: when the promise resolves, nothing more of those processes is
   * delivered, not even what they had sent. Resolves to the number of processes that lost
   * something.
   */
  async revoke(
    service: Contract | string,
    subject: Subject,
    methods: readonly string[] = [],
  ): Promise<number> {
    this.#policy.revoke(runtimeRule('deny', service, subject, methods));
    return await this.#registry.decideAgain();
  }

  /** Ends the domain: every device of it is told. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #watchPolicyFile(): void {
    const file = this.#policyFile;
    file?.watch({
      onRules: (rules) => void this.#useFile(file, rules),
      onError: (error) => {
        if (this.emit('policyError', error)) return;
        process.emitWarning(`${error.message}; the old rules stay in force`, 'LiteIpcWarning');
      },
    });
  }

  async #useFile(file: PolicyFile, rules: readonly Rule[]): Promise<PolicyLoaded> {
    this.#policy.replaceFile(rules);
    const revoked = await this.#registry.decideAgain();
    const loaded = { file: file.path, rules: rules.length, revoked };
    this.emit('policyLoaded', loaded);
    return loaded;
  }

  async #close(): Promise<void> {
    this.#policyFile?.close();
    await this.#connection.close();
    this.#native.stop();
    await this.#auditLog?.close();
    running.delete(this);
  }
}
