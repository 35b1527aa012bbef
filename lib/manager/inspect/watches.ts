/**
 * Watching messages of a domain: the manager asks the processes of the services for what their
 * traces have recorded, when whoever watches asks the manager. Nobody asks: nothing is done, and
 * soon nothing recorded.
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

/** Watches at a time. */
const WATCHES_MAX = 8;
/** Whoever does not read for so long is gone, ms. */
const FORGOTTEN_MS = 3000;
/** How long one reading waits for processes that do not answer, ms. */
const ANSWER_MS = 300;
/** How long a process may take in the end, ms; until then it is not asked again. */
const LATE_MS = 10_000;
const SERVICES_MAX = 64;
const HOOKS = 7;

/** One process that is traced for a watch. */
interface Traced {
  control: ServiceControlClient;
  /** The filter that it was told, as text; undefined: it has to be told. */
  told: string | undefined;
  reading: Promise<void> | undefined;
}

interface Watch {
  readonly id: number;
  /** The LiteIPC process that watches. */
  readonly owner: number;
  readonly services: ReadonlySet<string> | undefined;
  readonly hooks: readonly number[] | undefined;
  readonly traced: Map<number, Traced>;
  readonly parts: WatchPart[];
  timer: NodeJS.Timeout;
}

/** The watches of a domain. */
export class Watches {
  readonly #connection: Connection;
  readonly #registrations: () => readonly Registration[];
  readonly #watches = new Map<number, Watch>();
  #next = 1;

  constructor(connection: Connection, registrations: () => readonly Registration[]) {
    this.#connection = connection;
    this.#registrations = registrations;
  }

  /** Begins; resolves when every process that answers records. */
  async start(input: StartWatchInput, owner: number): Promise<{ readonly watch: number }> {
    checkStart(input);
    if (this.#watches.size >= WATCHES_MAX) {
      throw new Refusal('EBUSY', `${WATCHES_MAX} watches are running; end one of them (EBUSY)`);
    }
    const { services, hooks } = input;
    const id = this.#next++;
    const timer = setTimeout(() => {
      this.#end(id);
    }, FORGOTTEN_MS).unref();
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

  /** The next part of what was recorded. */
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
    const text = `There is no watch ${input.watch}: it ends when it is not read for ${FORGOTTEN_MS} ms (ENOENT)`;
    throw new Refusal('ENOENT', text);
  }

  #end(id: number): void {
    const watch = this.#watches.get(id);
    if (watch === undefined) return;
    clearTimeout(watch.timer);
    this.#watches.delete(id);
    if (!this.#connection.alive) return;
    for (const { control } of watch.traced.values()) {
      // Who does not hear it forgets the watch by itself.
      control.send('stopTrace', { watch: id }, LATE_MS).catch(() => undefined);
    }
  }

  /** Asks every process that is not being asked, and waits for the answers, but not for long. */
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
        traced = { control, told: undefined, reading: undefined };
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
            // It has ended, or comes too late; in either case it may have to be told anew.
            one.reading = undefined;
            one.told = undefined;
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
    const telling = JSON.stringify(filter);
    if (traced.told !== telling) {
      await traced.control.send('startTrace', { watch: watch.id, ...filter }, LATE_MS);
      traced.told = telling;
      // Ended meanwhile: nobody else will tell it.
      if (!this.#watches.has(watch.id)) {
        await traced.control.send('stopTrace', { watch: watch.id }, LATE_MS);
        return;
      }
    }
    const read = await traced.control.send('readTrace', { watch: watch.id }, LATE_MS);
    const part = read as TracePart | undefined;
    if (part === undefined) traced.told = undefined;
    else if (part.words.length > 0 || part.lost > 0) watch.parts.push(this.#named(processId, part));
  }

  /** The processes to trace, each by one of its services. */
  #wanted(watch: Watch): Map<number, { control: ServiceControlClient; filter: TraceFilter }> {
    const own = this.#connection.native.processId;
    const found = new Map<number, { control: ServiceControlClient; tasks: number[] }>();
    for (const { name, handle, owner, control } of this.#registrations()) {
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

  /** With who is who, as long as that is known. */
  #named(processId: number, { words: bytes, lost, more }: TracePart): WatchPart {
    const registrations = this.#registrations();
    const words = new Uint32Array(Uint8Array.from(bytes).buffer);
    const tasks = new Map<number, number>();
    const meet = (task: number, peer: number): void => {
      // Of a message that was refused it may be told for whom it was, but not in which process.
      if (peer !== 0 || !tasks.has(task)) tasks.set(task, peer);
    };
    for (let start = 0; start < words.length; start += TraceWords.Words) {
      const word = (index: number): number => words[start + index] as number;
      meet(word(TraceWords.PeerTask), word(TraceWords.PeerProcess));
      meet(word(TraceWords.Task), word(TraceWords.Process));
    }
    const peers: WatchPart['peers'][number][] = [];
    for (const [task, peer] of tasks) {
      const info = this.#connection.native.query(task);
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

/** Who may have ended already, but was given the right to call a service. */
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
