/** Which services have which name. A name has one service, or several instances of one. */
import { randomInt } from 'node:crypto';
import type { Registration } from './registration.js';

/** Versions are below this. */
const VERSION_MAX = 0x7fff_ffff;

interface Name {
  readonly services: Set<Registration>;
  /** Another one after every change. */
  version: number;
}

/** The names of one manager. */
export class ServiceNames {
  /** Never holds an empty set. */
  readonly #names = new Map<string, Name>();
  /** Services without a name whose tasks have not ended: they finish their calls. */
  readonly #withdrawn = new Set<Registration>();
  // Not from 1: what a client knows from another manager must not seem to be the same.
  #version = randomInt(VERSION_MAX);

  /** The services that have a name. */
  of(name: string): Registration[] {
    return [...(this.#names.get(name)?.services ?? [])];
  }

  /** Of the name's services as a whole; above 0. */
  versionOf(name: string): number {
    return this.#names.get(name)?.version ?? 0;
  }

  /** The services that have a name. */
  named(): Registration[] {
    return [...this.#names.values()].flatMap(({ services }) => [...services]);
  }

  /** The same, and those that have been taken back and have not ended. */
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

  /** The service has ended. */
  remove(service: Registration): void {
    this.#withdrawn.delete(service);
    const name = this.#names.get(service.name);
    if (name?.services.delete(service) !== true) return;
    this.#version = (this.#version % VERSION_MAX) + 1;
    name.version = this.#version;
    if (name.services.size === 0) this.#names.delete(service.name);
  }

  /** The service gives its name back and goes on with the calls that it has. */
  withdraw(service: Registration): void {
    this.remove(service);
    this.#withdrawn.add(service);
  }
}
