/** The instances of one service, as one client sees them, and which of them gets the next call. */
import type { Connection } from '../connection/connection.js';
import type { Contract } from '../contract/contract.js';
import { LiteIpcError } from '../common/errors.js';
import { RegistryClient } from '../registry/client.js';
import type { Location, LookupFound } from '../registry/protocol.js';
import { Route, RouteState } from '../calls/route.js';
import type { Balance } from './options.js';

/** How long the manager holds the question for changes, ms. */
const HELD_MS = 10_000;
/** Shortest time from one such question to the next, ms, and after a failure. */
const ASK_AGAIN_MS = 200;
const RETRY_MS = 1000;

/** What the owner of the instances is told. */
export interface InstancesListener {
  /** An instance has come that was not there before. */
  onInstance(): void;
  /** One has ended. */
  onDeath(): void;
  /** Where a call goes when there is no instance: it is looked up from there. */
  lobby(): Route | undefined;
  /** Whether new instances matter although nothing is called. */
  isWatched(): boolean;
}

/** The instances of one service in one connection. */
export class Instances {
  readonly #connection: Connection;
  readonly #contract: Contract;
  readonly #balance: Balance;
  readonly #listener: InstancesListener;
  /** Those that take calls. */
  #routes: Route[] = [];
  /** Those that were found refusing: not called until the name has been looked up again. */
  readonly #suspended = new Set<Route>();
  #next = 0;
  #version = 0;
  #isUsed = false;
  #isWatching = false;

  constructor(
    connection: Connection,
    contract: Contract,
    balance: Balance,
    listener: InstancesListener,
  ) {
    this.#connection = connection;
    this.#contract = contract;
    this.#balance = balance;
    this.#listener = listener;
  }

  /** How many take calls. */
  get size(): number {
    return this.#routes.length;
  }

  /** Where the next call goes; undefined if there is no instance. */
  choose(): Route | undefined {
    const routes = this.#routes;
    const count = routes.length;
    this.watch();
    this.#isUsed = true;
    let best: Route | undefined;
    // From the one after the last, so that equals take turns.
    for (let step = 0; step < count; step++) {
      const place = (this.#next + step) % count;
      const route = routes[place] as Route;
      if (best !== undefined && !this.#isBetter(route, best)) continue;
      best = route;
      if (this.#balance === 'round-robin' && route.state === RouteState.Ready) break;
    }
    if (best !== undefined) this.#next = (routes.indexOf(best) + 1) % count;
    return best;
  }

  /** Takes what a lookup has found. */
  update({ instances, version }: LookupFound): void {
    this.#version = version;
    const before = [...this.#routes, ...this.#suspended];
    this.#suspended.clear();
    let added = 0;
    this.#routes = instances.map((location) => {
      const known = before.find((route) => isAt(route, location));
      if (known !== undefined && !known.retired) {
        if (known.state === RouteState.Resolving) known.forget();
        if (known.state === RouteState.Unresolved && !known.deathTold) {
          known.state = RouteState.Ready;
        }
        return known;
      }
      added++;
      return this.#makeRoute(location);
    });
    for (; added > 0; added--) this.#listener.onInstance();
    this.watch();
  }

  /** Asks the manager for changes, as long as the service is called. */
  watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    void this.#watch().finally(() => {
      this.#isWatching = false;
    });
  }

  #isBetter(route: Route, best: Route): boolean {
    if (this.#balance === 'least-loaded') {
      const [ours, others] = [load(route), load(best)];
      if (ours !== others) return ours < others;
    }
    return route.state === RouteState.Ready && best.state !== RouteState.Ready;
  }

  #makeRoute({ handle, generation }: Location): Route {
    const connection = this.#connection;
    const route = new Route(
      this.#contract.name,
      connection.native.callTaskId,
      (unusable) => {
        this.#leave(unusable);
      },
      () => {
        this.#remove(route);
        connection.routes.delete(route);
        this.#listener.onDeath();
      },
    );
    route.handle = handle;
    route.generation = generation;
    route.keeps = true;
    route.state = RouteState.Ready;
    connection.routes.add(route);
    return route;
  }

  /**
   * An instance has ended, is being taken back, or refuses us: what was not begun goes to another.
   */
  #leave(route: Route): void {
    this.#remove(route);
    const task = this.#connection.native.query(route.handle);
    const isThere = task?.alive === true && task.generation === route.generation;
    if (isThere && !route.retired) this.#suspended.add(route);
    this.#connection.requests.queue.move(route, () => this.choose() ?? this.#listener.lobby());
  }

  #remove(route: Route): void {
    this.#routes = this.#routes.filter((each) => each !== route);
    this.#suspended.delete(route);
  }

  async #watch(): Promise<void> {
    const connection = this.#connection;
    const registry = new RegistryClient(connection, connection.native.callTaskId);
    try {
      while (connection.alive) {
        this.#isUsed = false;
        const before = performance.now();
        let restMs = ASK_AGAIN_MS;
        try {
          const found = await registry.lookupChange(this.#contract, this.#version, HELD_MS);
          if (found !== undefined) this.update(found);
          // Not all of them could be called: a while later perhaps.
          if (found?.version === 0) restMs = RETRY_MS;
        } catch (error) {
          // Nobody has the name, or we may not call it: the next call finds out.
          const code = error instanceof LiteIpcError ? error.code : '';
          if (code === 'ENOENT' || code === 'EACCES') return;
          restMs = RETRY_MS;
        }
        if (!this.#isUsed && !this.#listener.isWatched()) return;
        restMs -= performance.now() - before;
        if (restMs > 0) await new Promise<void>((wake) => setTimeout(wake, restMs).unref());
      }
    } finally {
      registry.dispose();
    }
  }
}

function isAt(route: Route, { handle, generation }: Location): boolean {
  return route.handle === handle && route.generation === generation;
}

/**
 * Calls of this client that the instance has not answered; of one that has just ended, without end.
 */
function load(route: Route): number {
  if (route.state < RouteState.Ready) return Infinity;
  return route.inFlight + route.waiting.length;
}
