/** Grants and revokes the right to call a service, by requests to the domain. */
import type { Caller } from '../../types/wire.js';
import { describeCaller } from '../common/caller.js';
import type { Connection } from '../connection/connection.js';
import { LiteIpcError } from '../common/errors.js';
import { ControlOperation } from '../native/layout.js';
import { livingCaller, livingTask } from '../native/living-task.js';
import type { Policy } from '../policy/policy.js';
import { notRegistered, refusal } from './refusals.js';
import { entryOf, type CallerRights, type Grant, type Registration } from './registration.js';

/** Manages the rights of callers to one manager's services. */
export class Rights {
  /** `task` is the ServiceManager's task. */
  constructor(
    private readonly connection: Connection,
    private readonly task: number,
    private readonly policy: Policy,
  ) {}

  /** Returns whether the service's task is alive. */
  isAlive(service: Registration): boolean {
    return livingTask(this.connection.native, service) !== undefined;
  }

  /**
   * Grants a caller the right to call a service, after the service confirmed the caller's method
   * rules. Throws a Refusal.
   */
  async grant(service: Registration, caller: Caller, rights: CallerRights): Promise<void> {
    const { native } = this.connection;
    const before = livingCaller(native, caller);
    if (before === undefined) return;
    const { processGeneration } = before;
    const grant: Grant = { caller, processGeneration, ...rights };
    // Before the first await, so that a concurrent change of the policy finds the grant.
    service.grants.set(caller.processId, grant);
    if (service.access !== undefined && this.policy.hasMessageRules(service.name)) {
      try {
        await service.access.update([entryOf([caller.processId, grant])]);
      } catch (error) {
        if (service.grants.get(caller.processId) === grant) {
          service.grants.delete(caller.processId);
          await this.#removeAccess(service, caller.processId, processGeneration);
        }
        if (!this.isAlive(service)) throw notRegistered(service.name);
        const text = `did not confirm the rules of its methods: ${(error as Error).message}`;
        throw refusal('EAGAIN', service.name, text);
      }
      const now = service.grants.get(caller.processId);
      if (now?.processGeneration !== processGeneration) {
        throw refusal(
          'EACCES',
          service.name,
          `refuses ${describeCaller(caller)}: the right was revoked`,
        );
      }
    }
    try {
      await this.connection.control(
        ControlOperation.AddAccess,
        this.task,
        caller.taskId,
        service.handle,
        before.generation,
        service.generation,
      );
    } catch (error) {
      if (!(error instanceof LiteIpcError) || error.code !== 'EINVAL') throw error;
      // The caller or the service ended during the request. If the caller ended, no process reads
      // the reply.
      throw notRegistered(service.name);
    }
    // The right may have been revoked during the request.
    const granted = service.grants.get(caller.processId);
    if (granted?.processGeneration === before.processGeneration) return;
    await this.#removeAccess(service, caller.processId, before.processGeneration);
    throw refusal(
      'EACCES',
      service.name,
      `refuses ${describeCaller(caller)}: the right was revoked`,
    );
  }

  /** Revokes grants. Resolves to the number of processes that had access. */
  async removeGrants(
    service: Registration,
    removed: readonly (readonly [number, Grant])[],
  ): Promise<number> {
    const ended = removed.map(([processId, grant]) =>
      this.#removeAccess(service, processId, grant.processGeneration),
    );
    return (await Promise.all(ended)).filter((wasThere) => wasThere).length;
  }

  /**
   * Removes the access of a process. Resolves to false if the process or the service had already
   * ended.
   */
  async #removeAccess(
    service: Registration,
    processId: number,
    processGeneration: number,
  ): Promise<boolean> {
    try {
      await this.connection.control(
        ControlOperation.RemoveAccess,
        this.task,
        processId,
        service.handle,
        processGeneration,
        service.generation,
      );
      return true;
    } catch (error) {
      if (error instanceof LiteIpcError && error.code === 'EINVAL') return false;
      throw error;
    }
  }
}
