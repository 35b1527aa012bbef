/** Serves the {@link Inspector} contract in the manager's process. */
import { checkInteger, checkObject, checkServiceName, unexpected } from '../../common/arguments.js';
import type { Connection } from '../../connection/connection.js';
import type { ImplementationOf } from '../../contract/contract.js';
import { Exposure } from '../../device/exposure.js';
import type { Explanation } from '../../policy/policy.js';
import { checkIdentity, type Identity } from '../../policy/subject.js';
import type { Registration } from '../registration.js';
import { checkInput } from '../../registry/validation.js';
import type { CallContext } from '../../contract/call-context.js';
import { isReservedName } from '../../registry/protocol.js';
import { ServiceHost } from '../../service/host.js';
import type { ServiceStatistics } from '../../service/statistics.js';
import type { NativeDomain } from '../../../types/native.js';
import { Inspector } from './contract.js';
import type * as report from './contract.js';
import { Watches } from './watches.js';
import { refusal } from '../refusals.js';
import { livingProcesses, programOf } from './processes.js';

/** Time in which a service must return its statistics, ms. The whole list waits for it. */
const ANSWER_MS = 500;
/** Most bytes that one entry of a list takes in a message. */
const ENTRY_BYTES = 768;
const METHOD_BYTES = 128;
const EXPLANATION_MAX = 500;
const CONSIDERED_MAX = 32;
const CURSOR_MAX = 0xffff_ffff;

/** The parts of a manager that the inspector reads. */
export interface Inspected {
  readonly domain: string;
  readonly profile: report.DomainProfile;
  readonly native: NativeDomain;
  readonly connection: Connection;
  readonly registry: {
    /** Returns the registered services that are alive. */
    registrations(): readonly Registration[];
    explain(caller: Identity, name: string, method?: string): Explanation;
  };
  /** Returns the number of rules. */
  readonly ruleCount: () => number;
}

function withProgram<Process extends Identity>(
  process: Process,
): Process & { readonly program?: string } {
  const program = programOf(process.pid);
  return program === undefined ? process : { ...process, program };
}

/** Resolves to the result of `promise`, or to undefined if it fails or takes too long. */
async function inTime<Value>(promise: Promise<Value>): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ANSWER_MS);
  });
  try {
    return await Promise.race([promise.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Implements the inspector. */
export class InspectorService implements ImplementationOf<typeof Inspector> {
  readonly #watches: Watches;
  readonly #startedAt = new Date();
  readonly #started = performance.now();

  constructor(private readonly inspected: Inspected) {
    const { connection, registry } = inspected;
    this.#watches = new Watches(connection, () => registry.registrations());
  }

  /**
   * Exposes the inspector in the domain on the manager's own connection. It ends with that
   * connection.
   */
  static async start(inspected: Inspected): Promise<void> {
    const host = new ServiceHost(Inspector, new InspectorService(inspected));
    await new Exposure(host).start(inspected.connection);
  }

  readonly domain = (): report.DomainReport => {
    const { domain, profile, native, ruleCount } = this.inspected;
    const { pid } = process;
    const uid = process.getuid?.() ?? 0;
    const gid = process.getgid?.() ?? 0;
    return {
      name: domain,
      path: native.path,
      profile,
      manager: withProgram({ pid, uid, gid }),
      startedAt: this.#startedAt,
      upMs: performance.now() - this.#started,
      rules: ruleCount(),
      counters: native.counters(),
    };
  };

  readonly services = async (
    input: report.PageInput & { readonly all?: boolean },
  ): Promise<{ readonly services: readonly report.ServiceReport[]; readonly next?: number }> => {
    const { after, all } = checkPage(input);
    const chosen = this.inspected.registry
      .registrations()
      .filter(({ name, handle }) => handle > after && (all || !isReservedName(name)))
      .sort((left, right) => left.handle - right.handle);
    const page = chosen.slice(0, this.#perPage(ENTRY_BYTES));
    const services = await Promise.all(page.map((each) => this.#report(each)));
    const next = page.at(-1)?.handle;
    return page.length < chosen.length && next !== undefined ? { services, next } : { services };
  };

  readonly methods = (
    input: { readonly service: string } & report.PageInput,
  ): report.MethodPage => {
    const { after } = checkPage(input);
    checkInput(() => checkServiceName(input.service, 'service'));
    const found = this.inspected.registry
      .registrations()
      .find(({ name }) => name === input.service);
    if (found === undefined) throw refusal('ENOENT', input.service, 'is not registered');
    const lines = found.shape.split('\n');
    const end = after + this.#perPage(METHOD_BYTES);
    const methods = lines.slice(after, end).map((line) => {
      const [kind = '', name = ''] = line.split(' ');
      return { kind: kind.slice(0, METHOD_BYTES / 4), name: name.slice(0, METHOD_BYTES / 2) };
    });
    return end < lines.length ? { methods, next: end } : { methods };
  };

  readonly processes = (
    input: report.PageInput,
  ): { readonly processes: readonly report.ProcessReport[]; readonly next?: number } => {
    const { after } = checkPage(input);
    const chosen = livingProcesses(this.inspected.connection.native).filter(
      ({ processId }) => processId > after,
    );
    const page = chosen.slice(0, this.#perPage(ENTRY_BYTES));
    const processes = page.map(({ processId, pid, uid, gid }) =>
      withProgram({ processId, pid, uid, gid }),
    );
    const next = page.at(-1)?.processId;
    return page.length < chosen.length && next !== undefined ? { processes, next } : { processes };
  };

  readonly explain = (input: report.ExplainInput): report.ExplainOutput => {
    checkInput(() => {
      checkObject(input, 'the input of explain');
      checkIdentity(input.caller);
      checkServiceName(input.service, 'service');
      const { method } = input as { method?: unknown };
      if (method !== undefined && typeof method !== 'string') {
        throw unexpected('the name of a method', 'method', method);
      }
    });
    const { caller, service, method } = input;
    const { allowed, explanation, rule, considered, limits } = this.inspected.registry.explain(
      caller,
      service,
      method,
    );
    const deciding = considered.find((each) => each.rule === rule)?.name;
    const isLong = explanation.length > EXPLANATION_MAX;
    return {
      allowed,
      explanation: isLong ? `${explanation.slice(0, EXPLANATION_MAX)}...` : explanation,
      ...(deciding === undefined ? {} : { rule: deciding }),
      limits: limits.slice(0, CONSIDERED_MAX).map(({ name }) => name),
      considered: considered
        .slice(0, CONSIDERED_MAX)
        .map((each) => ({ rule: each.name, effect: each.rule.effect, fits: each.fits })),
    };
  };

  readonly startWatch = (
    input: report.StartWatchInput,
    call: CallContext,
  ): Promise<{ readonly watch: number }> => this.#watches.start(input, call.caller.processId);

  readonly readWatch = (
    input: { readonly watch: number },
    call: CallContext,
  ): Promise<report.WatchRead> => this.#watches.read(input, call.caller.processId);

  readonly stopWatch = (input: { readonly watch: number }, call: CallContext): void =>
    this.#watches.stop(input, call.caller.processId);

  #perPage(entryBytes: number): number {
    return Math.max(1, Math.floor(this.inspected.connection.native.dataLimit / entryBytes) - 1);
  }

  async #report(service: Registration): Promise<report.ServiceReport> {
    const { name, handle, generation, methods, grants, control } = service;
    const { processId, pid, uid, gid } = service.owner;
    const known = {
      name,
      handle,
      generation,
      owner: withProgram({ processId, pid, uid, gid }),
      methods: methods.length,
      callers: this.#living(grants.values()),
    };
    if (control === undefined) return { ...known, state: 'unknown' };
    const statistics: ServiceStatistics | undefined = await inTime(control.statistics());
    return statistics === undefined
      ? { ...known, state: 'not-answering' }
      : { ...known, state: 'answering', statistics };
  }

  #living(grants: Iterable<{ caller: { taskId: number }; processGeneration: number }>): number {
    let living = 0;
    for (const { caller, processGeneration } of grants) {
      const info = this.inspected.connection.native.query(caller.taskId);
      if (info?.alive === true && info.processGeneration === processGeneration) living++;
    }
    return living;
  }
}

function checkPage(input: report.PageInput & { readonly all?: boolean }): {
  readonly after: number;
  readonly all: boolean;
} {
  checkInput(() => {
    checkObject(input, 'the input');
    if (input.after !== undefined) checkInteger(input.after, 'after', 0, CURSOR_MAX);
  });
  return { after: input.after ?? 0, all: input.all === true };
}
