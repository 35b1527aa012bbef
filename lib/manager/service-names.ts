/** Maps names to services. A name has one service, or several instances of one. */
import { randomInt } from 'node:crypto';
import type { Registration } from './registration.js';

/** Versions are less than this. */
const VERSION_MAX = 0x7fff_ffff;

interface Name {
  readonly services: Set<Registration>;
  /** Changes with every change of `services`. */
  version: number;
}

/** The names of one manager. */
export class ServiceNames {
  /** Never holds an empty set. */
  readonly #names = new Map<string, Name>();
  /** Services that were withdrawn from their names and whose tasks still finish their calls. */
  readonly #withdrawn = new Set<Registration>();
  // Starts at a random number, so that a version from an earlier manager is not taken for a current
  // one.
  #version = randomInt(VERSION_MAX);

  /** Returns the services of a name. */
  of(name: string): Registration[] {
    return [...(this.#names.get(name)?.services ?? [])];
  }

  /** Returns the version of a name's set of services, or 0 if there is no service. */
  versionOf(name: string): number {
    return this.#names.get(name)?.version ?? 0;
  }

  /** Returns the services that have a name. */
  named(): Registration[] {
    return [...this.#names.values()].flatMap(({ services }) => [...services]);
  }

  /** Returns the services that have a name, and withdrawn services that have not ended. */
  all(): Registration[] {
    return [...this.named(), ...this.#withdrawn];
  }

  add(service: Registration): void {
    const name = this.#names.get(service.name);
    this.#version = (this.#version % VERSION_MAX) + 1;
    if (name === undefined) {
      this.#names.set(service.name, { services: new Set([service]), version: this.#version });
      return;
    }
    name.services.add(service);
    name.version = this.#version;
  }

  /** Removes a service that ended. */
  remove(service: Registration): void {
    this.#withdrawn.delete(service);
    const name = this.#names.get(service.name);
    if (name?.services.delete(service) !== true) return;
    this.#version = (this.#version % VERSION_MAX) + 1;
    name.version = this.#version;
    if (name.services.size === 0) this.#names.delete(service.name);
  }

  /** Removes a service's name while the service finishes its calls. */
  withdraw(service: Registration): void {
    this.remove(service);
    this.#withdrawn.add(service);
  }
}
