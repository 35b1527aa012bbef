/**
 * References: a service as a value, which can be sent to others. What they can do is in
 * references.ts.
 */
import type { Client, Contract, MethodDefinitions } from '../contract/contract.js';
import { LiteIpcError } from '../common/errors.js';
import type { NativeDevice } from '../../types/native.js';

declare const contractOfReference: unique symbol;

/** Where a service is, and what its contract is said to be. */
export interface ReferenceFacts {
  readonly handle: number;
  readonly generation: number;
  /** The contract's name. */
  readonly name: string;
  /** See contract-shape.ts. */
  readonly shape: string;
}

/** The connection that a reference belongs to, as far as references need it. */
export interface ReferenceHome {
  readonly native: NativeDevice;
  /** Why a reference leads nowhere, as an error; undefined if its service may be called. */
  problem(facts: ReferenceFacts): LiteIpcError | undefined;
  connect(facts: ReferenceFacts, contract: Contract): Promise<Client>;
  onDeath(facts: ReferenceFacts, listener: () => void): Disposable;
}

/**
 * A service as a value: an argument or a result, anywhere in it. Who receives one may call the
 * service, whatever the policy says of its name, and may send it on. Made by `device.reference` and
 * `device.exposeAnonymous`; sent by the device that has it. It names one life of the service: when
 * that has ended, or the connection to the domain, it leads nowhere.
 */
export class Reference<C extends Contract = Contract> {
  /** For the type checker alone: there is no such property. */
  declare readonly [contractOfReference]?: C;

  readonly #home: ReferenceHome;
  readonly #facts: ReferenceFacts;

  /** Made by LiteIPC. */
  constructor(home: ReferenceHome, facts: ReferenceFacts) {
    this.#home = home;
    this.#facts = facts;
  }

  /** Name of the service's contract, as whoever made the reference says. */
  get name(): string {
    return this.#facts.name;
  }

  /** Whether the service lives and this process may call it. */
  get alive(): boolean {
    return this.#home.problem(this.#facts) === undefined;
  }

  /**
   * A client of the service; the same contract gives the same client. Rejects with EPROTO if the
   * service has another contract, with ENOENT when it has ended, with EACCES if this process may
   * not call it (any more), with ENODEV when the connection has ended. Calls in flight fail with
   * EPIPE when the service ends, later ones with ENOENT: there is nothing to look up again.
   */
  async connect<Methods extends MethodDefinitions>(
    contract: Contract<Methods> & C,
  ): Promise<Client<Methods>> {
    return (await this.#home.connect(this.#facts, contract)) as Client<Methods>;
  }

  /**
   * Calls `listener` once, when the service ends; soon if it has ended. Disposing the result ends
   * that.
   */
  onDeath(listener: () => void): Disposable {
    return this.#home.onDeath(this.#facts, listener);
  }

  /**
   * What to send. Throws a LiteIpcError: it leads nowhere, or belongs to another device than
   * `native`.
   */
  factsFor(native: NativeDevice | undefined): ReferenceFacts {
    const problem = this.#home.problem(this.#facts);
    if (problem !== undefined) throw problem;
    if (this.#home.native !== native) {
      const text = `the reference to "${this.name}" belongs to another device: send it by that one`;
      throw new LiteIpcError('EINVAL', text, { service: this.name });
    }
    return this.#facts;
  }

  /** What `Object.prototype.toString` says. */
  get [Symbol.toStringTag](): string {
    return 'Reference';
  }
}
