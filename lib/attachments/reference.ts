/**
 * Implements references: services as values that can be sent. lib/client/references.ts connects
 * them.
 */
import type { Client, Contract, MethodDefinitions } from '../contract/contract.js';
import { LiteIpcError } from '../common/errors.js';
import type { NativeDevice } from '../../types/native.js';

declare const contractOfReference: unique symbol;

/** The location of a service, and the description of its contract that its sender gave. */
export interface ReferenceFacts {
  readonly handle: number;
  readonly generation: number;
  /** The contract's name. */
  readonly name: string;
  /** See lib/contract/shape.ts. */
  readonly shape: string;
}

/** The part of a connection that its references need. */
export interface ReferenceHome {
  readonly native: NativeDevice;
  /** Returns the reason why a reference cannot be used; undefined if its service may be called. */
  problem(facts: ReferenceFacts): LiteIpcError | undefined;
  connect(facts: ReferenceFacts, contract: Contract): Promise<Client>;
  onDeath(facts: ReferenceFacts, listener: () => void): Disposable;
}

/**
 * A service as a value: an argument or a result, or any part of one. The receiver of a reference
 * may call the service, regardless of the policy for its name, and may pass the reference on.
 * `device.reference` and `device.exposeAnonymous` create references. Only the device that owns a
 * reference can send it. A reference is valid for one registration of the service: it becomes
 * invalid when the service or the connection to the domain ends.
 */
export class Reference<C extends Contract = Contract> {
  /** For the type checker only: this property does not exist at run time. */
  declare readonly [contractOfReference]?: C;

  readonly #home: ReferenceHome;
  readonly #facts: ReferenceFacts;

  /** Only LiteIPC creates instances. */
  constructor(home: ReferenceHome, facts: ReferenceFacts) {
    this.#home = home;
    this.#facts = facts;
  }

  /** Name of the contract, as given by the creator of the reference. */
  get name(): string {
    return this.#facts.name;
  }

  /** True if the service is available and this process may call it. */
  get alive(): boolean {
    return this.#home.problem(this.#facts) === undefined;
  }

  /**
   * Returns a client of the service; the same one for the same contract. Rejects with EPROTO if the
   * service has another contract, ENOENT if it has ended, EACCES if this process may not call it,
   * ENODEV if the connection has ended. When the service ends, calls in flight fail with EPIPE and
   * later ones with ENOENT. The name is not looked up again.
   */
  async connect<Methods extends MethodDefinitions>(
    contract: Contract<Methods> & C,
  ): Promise<Client<Methods>> {
    return (await this.#home.connect(this.#facts, contract)) as Client<Methods>;
  }

  /**
   * Calls `listener` once when the service ends, or soon if it has ended. Disposing the result
   * removes the listener.
   */
  onDeath(listener: () => void): Disposable {
    return this.#home.onDeath(this.#facts, listener);
  }

  /**
   * Returns the facts to send. Throws a LiteIpcError if the reference is invalid or belongs to
   * another device than `native`.
   */
  factsFor(native: NativeDevice | undefined): ReferenceFacts {
    const problem = this.#home.problem(this.#facts);
    if (problem !== undefined) throw problem;
    if (this.#home.native !== native) {
      const text = `the reference to "${this.name}" belongs to another device: send it from that device`;
      throw new LiteIpcError('EINVAL', text, { service: this.name });
    }
    return this.#facts;
  }

  /** The tag for `Object.prototype.toString`. */
  get [Symbol.toStringTag](): string {
    return 'Reference';
  }
}
