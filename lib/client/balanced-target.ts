/** Implements the target of a client whose service has several instances. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from '../connection/connection.js';
import type { Contract } from '../contract/contract.js';
import { LiteIpcError } from '../common/errors.js';
import { RegistryClient } from '../registry/client.js';
import type { Location, LookupFound } from '../registry/protocol.js';
import { Route, RouteState } from '../calls/route.js';
import { livingTask } from '../native/living-task.js';
import type { Balance } from './options.js';
import type { CallTarget, TargetOwner } from './target.js';

/** Maximum time that the manager delays its answer until the instances change, ms. */
const ANSWER_DELAY_MS = 10_000;
/** Shortest interval between two such lookups, normally and after a failure, ms. */
const ASK_AGAIN_MS = 200;
const RETRY_MS = 1000;

/** A `BalancedTarget` spreads the calls of one client over the instances of a service. */
export class BalancedTarget implements CallTarget {
  readonly isFound = true;
  /** Routes to the instances that take calls. */
  #routes: Route[] = [];
  /** Routes to instances that refused a call. They get no calls until the next lookup. */
  readonly #suspended = new Set<Route>();
  #next = 0;
  #version = 0;
  #isUsed = false;
  #isWatching = false;

  /** `pending` takes the calls while there is no instance, and looks the name up again. */
  constructor(
    private readonly connection: Connection,
    private readonly owner: TargetOwner,
    private readonly contract: Contract,
    private readonly balance: Balance,
    private readonly pending: CallTarget,
  ) {}

  choose(): Route {
    const routes = this.#routes;
    const count = routes.length;
    this.#watch();
    this.#isUsed = true;
    let best: Route | undefined;
    // Starts after the last choice, so that equal instances take turns.
    for (let step = 0; step < count; step++) {
      const route = routes[(this.#next + step) % count] as Route;
      if (best !== undefined && !this.#isBetter(route, best)) continue;
      best = route;
      if (this.balance === 'round-robin' && route.state === RouteState.Ready) break;
    }
    if (best === undefined) return this.pending.choose();
    this.#next = (routes.indexOf(best) + 1) % count;
    return best;
  }

  async resolve(waitMs: number): Promise<void> {
    if (this.#routes.length === 0) await this.pending.resolve(waitMs);
    else this.#watch();
  }

  /** Takes the result of a lookup. */
  update({ instances, version }: LookupFound): void {
    this.#version = version;
    const before = [...this.#routes, ...this.#suspended];
    this.#suspended.clear();
    let added = 0;
    this.#routes = instances.map((location) => {
      const known = before.find((route) => isAt(route, location));
      if (known !== undefined && !known.retired) {
        if (known.state === RouteState.Resolving) known.forget();
        if (known.state === RouteState.Unresolved && !known.deathNotified) {
          known.state = RouteState.Ready;
        }
        return known;
      }
      added++;
      return this.#makeRoute(location);
    });
    for (; added > 0; added--) this.owner.restarts.found();
    this.#watch();
  }

  /**
   * Watches for changes of the instances as long as the service is called or a restart is awaited.
   */
  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    void this.#askForChanges().finally(() => {
      this.#isWatching = false;
    });
  }

  #isBetter(route: Route, best: Route): boolean {
    if (this.balance === 'least-loaded') {
      const [ours, others] = [load(route), load(best)];
      if (ours !== others) return ours < others;
    }
    return route.state === RouteState.Ready && best.state !== RouteState.Ready;
  }

  #makeRoute({ handle, generation }: Location): Route {
    const connection = this.connection;
    const route = new Route(
      this.contract.name,
      connection.native.callTaskId,
      (unusable) => this.#leave(unusable),
      () => {
        this.#remove(route);
        connection.routes.delete(route);
        this.owner.notifyDeath();
        this.owner.restarts.gone();
      },
    );
    route.handle = handle;
    route.generation = generation;
    route.storesRequests = true;
    route.state = RouteState.Ready;
    connection.routes.add(route);
    return route;
  }

  /**
   * Removes an instance that has ended, drains or refuses this process. The calls that it has not
   * begun move to other instances.
   */
  #leave(route: Route): void {
    this.#remove(route);
    const isAlive = livingTask(this.connection.native, route) !== undefined;
    if (isAlive && !route.retired) this.#suspended.add(route);
    this.connection.requests.queue.move(route, () => this.choose());
  }

  #remove(route: Route): void {
    this.#routes = this.#routes.filter((each) => each !== route);
    this.#suspended.delete(route);
  }

  async #askForChanges(): Promise<void> {
    const connection = this.connection;
    const registry = new RegistryClient(connection, connection.native.callTaskId);
    try {
      while (connection.alive) {
        this.#isUsed = false;
        const before = performance.now();
        let restMs = ASK_AGAIN_MS;
        try {
          const found = await registry.lookupChange(this.contract, this.#version, ANSWER_DELAY_MS);
          if (found !== undefined) this.update(found);
          // Some instances could not be called. They may become available later.
          if (found?.version === 0) restMs = RETRY_MS;
        } catch (error) {
          // The service is not registered, or this process may not call it. The next call gets the
          // error.
          const code = error instanceof LiteIpcError ? error.code : '';
          if (code === 'ENOENT' || code === 'EACCES') return;
          restMs = RETRY_MS;
        }
        if (!this.#isUsed && !this.owner.restarts.isWanted) return;
        restMs -= performance.now() - before;
        if (restMs > 0) await pause(restMs, undefined, { ref: false });
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
 * Returns the number of unanswered calls of this client; Infinity for an instance that has ended.
 */
function load(route: Route): number {
  if (route.state < RouteState.Ready) return Infinity;
  return route.inFlight + route.waiting.length;
}
