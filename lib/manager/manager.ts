/**
 * Implements the ServiceManager: it starts a domain in this process and decides which process may
 * call or serve what.
 */
import { EventEmitter } from 'node:events';
import { AuditLog, type AuditEvent } from './audit-log.js';
import type { Contract } from '../contract/contract.js';
import { checkDomainName, checkInteger, checkObject, unexpected } from '../common/arguments.js';
import type { Connection } from '../connection/connection.js';
import { LiteIpcError, domainError } from '../common/errors.js';
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
import { defined } from '../common/values.js';

/** Bytes of a message to the ServiceManager besides its data. */
const MESSAGE_OVERHEAD = 4096;

/** Options of {@link ServiceManager.start}. */
export interface ServiceManagerOptions {
  /** 1 to 64 of `[A-Za-z0-9._-]`, or the absolute path of the domain's socket. */
  readonly domain: string;
  /**
   * Rules that decide which processes may call and serve what. Default: every process of the
   * manager's own uid may call and serve everything.
   */
  readonly policy?: PolicyInput;
  /**
   * Path of a file with more rules: JSON with comments (see policy.schema.json). The manager
   * reloads it when it changes. An invalid file prevents the start; an invalid change of it has no
   * effect and is reported by `policyError`.
   */
  readonly policyFile?: string;
  /** Path of a file to which the manager appends every {@link AuditEvent} as one line of JSON. */
  readonly auditLog?: string;
  /** Default `host`. */
  readonly profile?: DomainProfile;
  /**
   * Permission bits of the socket. Default 0o600. Processes of other users need more to connect.
   */
  readonly socketMode?: number;
  /** Group of the socket. */
  readonly socketGid?: number;
}

/** Describes a policy file that was loaded while the manager runs. */
export interface PolicyLoaded {
  /** Absolute path. */
  readonly file: string;
  /** Number of rules in the file. */
  readonly rules: number;
  /** Number of processes that lost the right to call a service, or some of its methods. */
  readonly revoked: number;
}

/** Events of a {@link ServiceManager}. */
export interface ServiceManagerEvents {
  /** The policy file changed. Its rules are in force; the rights that they deny are revoked. */
  policyLoaded: [loaded: PolicyLoaded];
  /**
   * The policy file changed and is invalid: the previous rules stay in force. Without a listener, a
   * process warning is emitted.
   */
  policyError: [error: PolicyFileError];
  /**
   * A rule names methods that a registered service does not have; the name may be misspelt. Emitted
   * when the service registers or the rules change, and only once until the rules or the service
   * change. Without a listener, a process warning is emitted.
   */
  policyWarning: [warning: PolicyWarning];
  /**
   * The manager decided about a request for a service or a name, or a rule change revoked a right.
   */
  audit: [event: AuditEvent];
}

/**
 * Managers that are started and not closed. The set keeps a manager alive that the program does not
 * reference: collecting its NativeDomain would end the domain.
 */
const running = new Set<ServiceManager>();

function startError(error: unknown, domain: string): Error {
  return domainError(error, domain, {
    EADDRINUSE: 'a domain of this name is running; choose another name or stop that domain',
    EPERM: 'its folder is not safe: it must belong to this user, and no other user may write to it',
    ENOENT: 'the folder for its socket does not exist; create it first',
    EACCES: 'this user may not create a socket there, or may not enter its folder',
    EEXIST: 'its path exists and is not a socket; remove it or choose another path',
  });
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
 * Most bytes of a message to the manager that may travel in sealed memory. No contract is larger.
 */
const MESSAGE_LIMIT = 1024 * 1024;

/** A running domain and its ServiceManager. */
export class ServiceManager extends EventEmitter<ServiceManagerEvents> implements AsyncDisposable {
  /** The name or path that was passed to {@link ServiceManager.start}. */
  readonly domain: string;
  /** Path of the domain's socket. */
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
   * Starts a domain, whose server is a thread of this process, and becomes its ServiceManager.
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
    // Loads the parser only if there is a policy file.
    const file = policyFile && new (await import('../policy/file.js')).PolicyFile(policyFile);
    const fileRules = file ? await file.load() : [];

    const auditLog = auditPath === undefined ? undefined : await AuditLog.open(auditPath);

    let native: NativeDomain;
    try {
      native = loadNativeBinding().startDomain({
        name: domain,
        profile: profile === 'host' ? 0 : 1,
        ...defined({ socketMode, socketGid }),
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
      const warnings = new PolicyWarnings(policy, (warning) =>
        queueMicrotask(() => {
          if (made.manager?.emit('policyWarning', warning) === true) return;
          process.emitWarning(warning.message, 'LiteIpcWarning');
        }),
      );
      const registry = new RegistryService(connection, task, policy, {
        onAudit: (event) => {
          auditLog?.write(event);
          // Deferred, so that an exception of a listener does not become the reply to the request.
          queueMicrotask(() => made.manager?.emit('audit', event));
        },
        onRegistered: (service) => warnings.check(service),
      });
      made.registry = registry;
      // Registered before the role is taken, because the first request may arrive at once.
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

  /** Returns the services that are registered and alive. */
  services(): ServiceInfo[] {
    return this.#registry.list();
  }

  /**
   * Returns whether a caller may call a service, or one of its methods, and which rule decides. The
   * result equals the decision that a client with this pid, uid and gid would get now.
   */
  explain(caller: Identity, service: Contract | string, method?: string): Explanation {
    checkIdentity(caller);
    const name = nameOf(service);
    if (method !== undefined) checkMethodNames(service, [method]);
    return this.#registry.explain(caller, name, method);
  }

  /** Returns whether a caller may register a service's name, and which rule decides. */
  explainServing(caller: Identity, service: Contract | string): Explanation {
    checkIdentity(caller);
    const judgement = this.#policy.judge('serve', nameOf(service), caller);
    const { limits, considered } = judgement;
    return { ...judgement.decide(), limits, considered };
  }

  /** Returns the rules in force: those of the program and of the file, granted and revoked ones. */
  get rules(): readonly Rule[] {
    return this.#policy.rules;
  }

  /**
   * Reads the policy file now, e.g. at SIGHUP, instead of at the next of four polls a second.
   * Rejects with a {@link PolicyFileError} and changes nothing if the file is invalid.
   */
  async reloadPolicy(): Promise<PolicyLoaded> {
    const file = this.#policyFile;
    if (file === undefined) {
      throw new LiteIpcError('EINVAL', 'This manager was started without a policyFile (EINVAL)');
    }
    return await this.#useFile(file, await file.load());
  }

  /** Returns the numbers of objects that the domain holds at the moment, for tests and tools. */
  counters(): NativeDomainCounters {
    return this.#native.counters();
  }

  /**
   * Allows a subject to call a service, or some of its methods, in addition to the policy. A grant
   * is in force until {@link revoke} of the same or the end of the manager. A `deny` rule wins over
   * it. Resolves when processes that already have the service can use the grant.
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
   * Revokes the right to call a service, or some of its methods. A revocation is in force until
   * {@link grant} of the same. When the promise resolves, no further message of the affected
   * processes is delivered, including messages that they have already sent. Resolves to the number
   * of processes that lost a right.
   */
  async revoke(
    service: Contract | string,
    subject: Subject,
    methods: readonly string[] = [],
  ): Promise<number> {
    this.#policy.revoke(runtimeRule('deny', service, subject, methods));
    return await this.#registry.decideAgain();
  }

  /** Ends the domain; every device of the domain is notified. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Calls {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #watchPolicyFile(): void {
    const file = this.#policyFile;
    file?.watch({
      onRules: (rules) => void this.#useFile(file, rules),
      onError: (error) => {
        if (this.emit('policyError', error)) return;
        process.emitWarning(`${error.message}; the previous rules stay in force`, 'LiteIpcWarning');
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
