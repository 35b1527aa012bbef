/** Implements a target with one route that is looked up again when its service has ended. */
import { Route, RouteState } from '../calls/route.js';
import { LiteIpcError } from '../common/errors.js';
import type { Connection } from '../connection/connection.js';
import { livingTask } from '../native/living-task.js';
import type { LookupFound, Location } from '../registry/protocol.js';
import type { CallTarget, TargetOwner } from './target.js';

/** A `LookupTarget` sends calls to the task that its lookup finds. */
export abstract class LookupTarget implements CallTarget {
  #route: Route;

  /** Calls wait up to `waitMs` for a service that nobody has registered. */
  constructor(
    protected readonly connection: Connection,
    protected readonly owner: TargetOwner,
    private readonly service: string,
    private readonly waitMs: number,
  ) {
    this.#route = this.#makeRoute();
  }

  /** Looks the service up. */
  protected abstract find(waitMs: number): Promise<LookupFound>;

  get isFound(): boolean {
    return this.#route.handle !== 0;
  }

  choose(): Route {
    return this.#route;
  }

  async resolve(waitMs: number): Promise<void> {
    const { state } = this.#route;
    // A lookup for waiting calls may be in progress. A second one gets the same answer.
    if (state !== RouteState.Unresolved && state !== RouteState.Resolving) return;
    await this.#lookup(this.#route, waitMs);
  }

  /** Takes the result of a lookup for the route. */
  protected found(route: Route, { instances }: LookupFound): void {
    const [location] = instances as readonly [Location];
    this.owner.use(this);
    this.connection.requests.queue.resolved(route, location.handle, location.generation);
    if (livingTask(this.connection.native, location)) this.owner.restarts.found();
    // The manager may not know yet that the service has ended: look it up again.
    else if (route.state === RouteState.Ready) route.forget();
  }

  async #lookup(route: Route, waitMs: number): Promise<void> {
    const found = await this.find(waitMs);
    await this.connection.ensureDeathNotices();
    if (this.connection.alive) this.found(route, found);
  }

  /**
   * Starts a lookup for the calls that wait in the route. Each of them waits up to `waitMs` after
   * it was made.
   */
  #lookupForCalls(route: Route): void {
    const now = performance.now();
    const waitMs = Math.max((route.waiting[0]?.since ?? now) + this.waitMs - now, 0);
    this.#lookup(route, waitMs).catch((error: unknown) => {
      const isMissing = error instanceof LiteIpcError && error.code === 'ENOENT';
      const since = isMissing && this.waitMs > 0 ? performance.now() - this.waitMs : Infinity;
      this.connection.requests.queue.unresolvable(route, error as Error, since);
    });
  }

  #makeRoute(): Route {
    const { connection, owner } = this;
    const route = new Route(
      this.service,
      connection.native.callTaskId,
      (unresolved) => {
        if (unresolved.retired) this.#replace(unresolved);
        else this.#lookupForCalls(unresolved);
      },
      () => {
        owner.notifyDeath();
        if (route === this.#route) owner.restarts.allGone();
        else connection.routes.delete(route);
      },
    );
    route.storesRequests = this.waitMs > 0;
    connection.routes.add(route);
    return route;
  }

  /**
   * Moves the waiting calls of a route whose service drains. The calls in flight stay in the old
   * route.
   */
  #replace(retired: Route): void {
    if (this.#route === retired) {
      this.#route = this.#makeRoute();
      this.owner.restarts.allGone();
    }
    this.connection.requests.queue.move(retired, () => this.#route);
  }
}
