/**
 * Watches the messages of a domain. A watch makes the processes of services record a trace; each
 * read of the watch requests the records from them. A watch that is not read ends, and the
 * recording with it.
 */
import { checkInteger, checkObject, checkServiceName, unexpected } from '../../common/arguments.js';
import type { Connection } from '../../connection/connection.js';
import { Refusal } from '../../common/errors.js';
import { TraceWords } from '../../native/layout.js';
import type { Registration } from '../registration.js';
import { checkInput } from '../../registry/validation.js';
import type { ServiceControlClient } from '../service-control-client.js';
import type { TraceFilter, TracePart } from '../../trace/service-trace.js';
import type { StartWatchInput, WatchPart, WatchRead } from './contract.js';

/** Most watches at a time. */
const WATCHES_MAX = 8;
/** A watch ends if it is not read for this long, ms. */
const FORGOTTEN_MS = 3000;
/** Longest time that one read waits for processes that do not reply, ms. */
const ANSWER_MS = 300;
/** Time-out of one request to a process, ms. The process gets no other request until then. */
const LATE_MS = 10_000;
const SERVICES_MAX = 64;
const HOOKS = 7;

/** One process that is traced for a watch. */
interface Traced {
  control: ServiceControlClient;
  /** The filter that the process applies, as text; undefined if it must be sent. */
  appliedFilter: string | undefined;
  reading: Promise<void> | undefined;
}

interface Watch {
  readonly id: number;
  /** The LiteIPC process that owns the watch. */
  readonly owner: number;
  readonly services: ReadonlySet<string> | undefined;
  readonly hooks: readonly number[] | undefined;
  readonly traced: Map<number, Traced>;
  readonly parts: WatchPart[];
  timer: NodeJS.Timeout;
}

/** The watches of a domain. */
export class Watches {
  readonly #watches = new Map<number, Watch>();
  #next = 1;

  constructor(
    private readonly connection: Connection,
    private readonly registrations: () => readonly Registration[],
  ) {}

  /** Starts a watch. Resolves when every process that replies is recording. */
  async start(input: StartWatchInput, owner: number): Promise<{ readonly watch: number }> {
    checkStart(input);
    if (this.#watches.size >= WATCHES_MAX) {
      throw new Refusal('EBUSY', `${WATCHES_MAX} watches are running; end one first (EBUSY)`);
    }
    const { services, hooks } = input;
    const id = this.#next++;
    const timer = setTimeout(() => this.#end(id), FORGOTTEN_MS).unref();
    const watch: Watch = {
      id,
      owner,
      services: services && new Set(services),
      hooks,
      traced: new Map(),
      parts: [],
      timer,
    };
    this.#watches.set(id, watch);
    await this.#ask(watch);
    return { watch: id };
  }

  /** Returns the next records. */
  async read(input: { readonly watch: number }, owner: number): Promise<WatchRead> {
    const watch = this.#find(input, owner);
    watch.timer.refresh();
    if (watch.parts.length === 0) await this.#ask(watch);
    const part = watch.parts.shift();
    const notAnswering = [...watch.traced]
      .filter(([, { reading }]) => reading !== undefined)
      .map(([processId]) => processId);
    const more = watch.parts.length > 0 || part?.more === true;
    return { ...(part === undefined ? {} : { part }), more, notAnswering };
  }

  /** Ends a watch. */
  stop(input: { readonly watch: number }, owner: number): void {
    this.#end(this.#find(input, owner).id);
  }

  #find(input: { readonly watch: number }, owner: number): Watch {
    checkInput(() => {
      checkObject(input, 'the input');
      checkInteger(input.watch, 'watch', 1, Number.MAX_SAFE_INTEGER);
    });
    const watch = this.#watches.get(input.watch);
    if (watch?.owner === owner) return watch;
    const text = `There is no watch ${input.watch}: a watch ends if it is not read for ${FORGOTTEN_MS} ms (ENOENT)`;
    throw new Refusal('ENOENT', text);
  }

  #end(id: number): void {
    const watch = this.#watches.get(id);
    if (watch === undefined) return;
    clearTimeout(watch.timer);
    this.#watches.delete(id);
    if (!this.connection.alive) return;
    for (const { control } of watch.traced.values()) {
      // A process that misses this message ends the recording by itself.
      control.send('stopTrace', { watch: id }, LATE_MS).catch(() => undefined);
    }
  }

  /**
   * Requests records from every process without a pending request, and waits briefly for the
   * replies.
   */
  async #ask(watch: Watch): Promise<void> {
    const wanted = this.#wanted(watch);
    for (const [processId, { control }] of watch.traced) {
      if (wanted.has(processId)) continue;
      watch.traced.delete(processId);
      control.send('stopTrace', { watch: watch.id }, LATE_MS).catch(() => undefined);
    }
    const readings: Promise<void>[] = [];
    for (const [processId, { control, filter }] of wanted) {
      let traced = watch.traced.get(processId);
      if (traced === undefined) {
        traced = { control, appliedFilter: undefined, reading: undefined };
        watch.traced.set(processId, traced);
      }
      traced.control = control;
      if (traced.reading === undefined) {
        const one = traced;
        traced.reading = this.#readOne(watch, processId, one, filter).then(
          () => {
            one.reading = undefined;
          },
          () => {
            // The process ended or replied too late; in either case the filter may have to be sent
            // again.
            one.reading = undefined;
            one.appliedFilter = undefined;
          },
        );
      }
      if (traced.reading !== undefined) readings.push(traced.reading);
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ANSWER_MS);
    });
    await Promise.race([Promise.all(readings), late]);
    clearTimeout(timer);
  }

  async #readOne(
    watch: Watch,
    processId: number,
    traced: Traced,
    filter: TraceFilter,
  ): Promise<void> {
    const wanted = JSON.stringify(filter);
    if (traced.appliedFilter !== wanted) {
      await traced.control.send('startTrace', { watch: watch.id, ...filter }, LATE_MS);
      traced.appliedFilter = wanted;
      // The watch ended during the request, so the process has not received its stop message.
      if (!this.#watches.has(watch.id)) {
        await traced.control.send('stopTrace', { watch: watch.id }, LATE_MS);
        return;
      }
    }
    const read = await traced.control.send('readTrace', { watch: watch.id }, LATE_MS);
    const part = read as TracePart | undefined;
    if (part === undefined) traced.appliedFilter = undefined;
    else if (part.words.length > 0 || part.lost > 0) watch.parts.push(this.#named(processId, part));
  }

  /** Returns the processes to trace, each with one of its services. */
  #wanted(watch: Watch): Map<number, { control: ServiceControlClient; filter: TraceFilter }> {
    const own = this.connection.native.processId;
    const found = new Map<number, { control: ServiceControlClient; tasks: number[] }>();
    for (const { name, handle, owner, control } of this.registrations()) {
      if (control === undefined || owner.processId === own) continue;
      if (watch.services?.has(name) === false) continue;
      const known = found.get(owner.processId);
      if (known === undefined) found.set(owner.processId, { control, tasks: [handle] });
      else known.tasks.push(handle);
    }
    const hooks = watch.hooks === undefined ? {} : { hooks: watch.hooks };
    return new Map(
      [...found].map(([processId, { control, tasks }]) => {
        const filter = watch.services === undefined ? hooks : { ...hooks, tasks };
        return [processId, { control, filter }];
      }),
    );
  }

  /** Adds the identities of the tasks and services in the records, as far as they are known. */
  #named(processId: number, { words: bytes, lost, more }: TracePart): WatchPart {
    const registrations = this.registrations();
    const words = new Uint32Array(Uint8Array.from(bytes).buffer);
    const tasks = new Map<number, number>();
    const meet = (task: number, peer: number): void => {
      // A record of a refused message may name the receiving task without its process.
      if (peer !== 0 || !tasks.has(task)) tasks.set(task, peer);
    };
    for (let start = 0; start < words.length; start += TraceWords.Words) {
      const word = (index: number): number => words[start + index] as number;
      meet(word(TraceWords.PeerTask), word(TraceWords.PeerProcess));
      meet(word(TraceWords.Task), word(TraceWords.Process));
    }
    const peers: WatchPart['peers'][number][] = [];
    for (const [task, peer] of tasks) {
      const info = this.connection.native.query(task);
      const isSame = info !== undefined && (peer === 0 || info.processId === peer);
      const known = isSame ? info : formerCaller(registrations, peer);
      if (known !== undefined) peers.push([task, known.processId, known.pid, known.uid, known.gid]);
    }
    const services = registrations
      .filter(({ handle }) => tasks.has(handle))
      .map(({ handle, generation, name }) => [handle, generation, name] as const);
    return { processId, words: bytes, lost, more, peers, services };
  }
}

/** Returns a caller that may have ended but that a service has a grant for. */
function formerCaller(
  registrations: readonly Registration[],
  processId: number,
): Registration['owner'] | undefined {
  for (const { grants } of registrations) {
    const grant = grants.get(processId);
    if (grant !== undefined) return grant.caller;
  }
  return undefined;
}

function checkStart(input: StartWatchInput): void {
  checkInput(() => {
    checkObject(input, 'the input of startWatch');
    const { services, hooks } = input as { services?: unknown; hooks?: unknown };
    if (services !== undefined) {
      if (!Array.isArray(services) || services.length > SERVICES_MAX) {
        throw unexpected(`at most ${SERVICES_MAX} names`, 'services', services);
      }
      for (const name of services as unknown[]) checkServiceName(name, 'services');
    }
    if (hooks !== undefined) {
      if (!Array.isArray(hooks) || hooks.length > HOOKS) {
        throw unexpected(`at most ${HOOKS} numbers`, 'hooks', hooks);
      }
      for (const hook of hooks as unknown[]) checkInteger(hook, 'hooks', 0, HOOKS - 1);
    }
  });
}
