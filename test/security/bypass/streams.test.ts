/**
 * Permission and streams, with processes of real users: revoked while they flow, quotas, forged
 * tokens. Needs root.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ExecutionContext } from 'ava';
import {
  ServiceManager,
  allow,
  limit,
  openDevice,
  type Exposed,
  type ImplementationOf,
} from 'liteipc';
import type { PolicyInput } from 'liteipc/manager';
import { ABORT_CODE, Cookie, StreamCode } from '#lib/wire/header.js';
import { ReportingProgram } from '#test/support/child-program.js';
import { asRoot } from '#test/support/conditions.js';
import { Bypass } from '#test/support/bypass.js';
import { Flow, type FlowReport } from '#test/support/flow.js';
import { makeOpenFolder } from '#test/support/other-user.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';

usePrivateRuntime();

const ONE = 64_031;
const OTHER = 64_032;
/** Number of `ticks` and `collect` in their contract. */
const [TICKS, COLLECT] = [0, 1];
const TICK_MS = 5;

const folder = makeOpenFolder();

/** Starts a process of a user that reads and writes streams. */
const startClient = (
  t: ExecutionContext,
  domain: string,
  user: number,
): Promise<ReportingProgram<FlowReport>> =>
  ReportingProgram.start(t, 'flow-client', [domain, String(user)]);

/** What the service has seen, by user. */
interface Seen {
  collected: number;
  /** Why streams ended, as codes. */
  readonly ended: string[];
}

interface Scene {
  readonly manager: ServiceManager;
  readonly exposed: Exposed<(typeof Flow)['methods']>;
  readonly seenOf: (user: number) => Seen;
  /** No more news from now on. */
  readonly silence: () => void;
}

let domains = 0;

async function setScene(t: ExecutionContext, policy: PolicyInput): Promise<Scene> {
  const domain = join(folder, `domain-${++domains}.sock`);
  const manager = await ServiceManager.start({ domain, socketMode: 0o666, policy });
  t.teardown(() => manager.close());
  const device = await openDevice({ domain });
  t.teardown(() => device.close());
  const users = new Map<number, Seen>();
  const seenOf = (user: number): Seen => {
    const seen = users.get(user) ?? { collected: 0, ended: [] };
    users.set(user, seen);
    return seen;
  };
  const implementation: ImplementationOf<typeof Flow> = {
    ticks: async function* (_input, call) {
      try {
        for (let tick = 0; ; tick++) {
          yield tick;
          await sleep(TICK_MS);
        }
      } finally {
        seenOf(call.caller.uid).ended.push(`ticks ${codeOf(call.signal.reason)}`);
      }
    },
    collect: async (items, call) => {
      const seen = seenOf(call.caller.uid);
      try {
        for await (const item of items) seen.collected += item.length;
      } catch (error) {
        seen.ended.push(`collect ${codeOf(error)}`);
        throw error;
      }
      return seen.collected;
    },
    ping: () => 'pong',
  };
  const quiet = { onError: () => undefined };
  const exposed = await device.expose(Flow, implementation, quiet);
  const timer = setInterval(() => {
    exposed.emit('news', 'nothing');
  }, TICK_MS);
  const silence = (): void => {
    clearInterval(timer);
  };
  t.teardown(silence);
  return { manager, exposed, seenOf, silence };
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code);
}

const flows = ({ ticks, news }: FlowReport): boolean => ticks > 3 && news > 3;

/** Whether more comes of what flowed; both sides are looked at. */
async function progress(
  client: ReportingProgram<FlowReport>,
  seen: Seen,
): Promise<Record<string, boolean>> {
  const [before, collected] = [await client.report(), seen.collected];
  await sleep(150);
  const after = await client.report();
  return {
    ticks: after.ticks > before.ticks,
    news: after.news > before.news,
    collect: seen.collected > collected,
  };
}

asRoot('a service is revoked: its streams end at both sides, those of others go on', async (t) => {
  const { manager, seenOf } = await setScene(t, [allow(Flow).to({ uids: [ONE, OTHER] })]);
  const [one, other] = await Promise.all([
    startClient(t, manager.path, ONE),
    startClient(t, manager.path, OTHER),
  ]);
  await one.until(flows);
  await other.until(flows);
  t.deepEqual(await progress(one, seenOf(ONE)), { ticks: true, news: true, collect: true });
  t.is(await manager.revoke(Flow, { uid: ONE }), 1);
  const { collected } = seenOf(ONE);
  const report = await one.until(({ ended }) => Object.keys(ended).length === 3);
  t.deepEqual(report.ended, { ticks: 'EACCES', news: 'EACCES', collect: 'EACCES' });
  t.is(report.ping, 'EACCES');
  await sleep(200);
  t.deepEqual([...seenOf(ONE).ended].sort(), ['collect EACCES', 'ticks EACCES']);
  t.is(seenOf(ONE).collected, collected, 'nothing that was sent before is delivered after it');
  t.deepEqual(await progress(one, seenOf(ONE)), { ticks: false, news: false, collect: false });
  t.deepEqual(await progress(other, seenOf(OTHER)), { ticks: true, news: true, collect: true });
});

for (const [method, others] of [
  ['ticks', { ticks: false, news: true, collect: true }],
  ['news', { ticks: true, news: false, collect: true }],
  ['collect', { ticks: true, news: true, collect: false }],
] as const) {
  asRoot(
    `the method "${method}" is revoked: its stream ends, the caller's others go on`,
    async (t) => {
      const { manager, seenOf } = await setScene(t, [allow(Flow).to({ uid: ONE })]);
      const one = await startClient(t, manager.path, ONE);
      await one.until(flows);
      t.is(await manager.revoke(Flow, { uid: ONE }, [method]), 1);
      const report = await one.until(({ ended }) => ended[method] !== undefined);
      t.deepEqual(report.ended, { [method]: 'EACCES' });
      t.is(report.ping, 'pong');
      t.deepEqual(await progress(one, seenOf(ONE)), others);
    },
  );
}

asRoot('a stream on which nothing happens ends, too, when its method is revoked', async (t) => {
  const { manager, silence } = await setScene(t, [allow(Flow).to({ uid: ONE })]);
  const one = await startClient(t, manager.path, ONE);
  await one.until(flows);
  silence();
  await sleep(50);
  t.is(await manager.revoke(Flow, { uid: ONE }, ['news']), 1);
  const report = await one.until(({ ended }) => ended['news'] !== undefined);
  t.deepEqual(report.ended, { news: 'EACCES' });
});

asRoot('streams that are not admitted do not begin', async (t) => {
  const { manager, seenOf } = await setScene(t, [allow(Flow, 'ping').to({ uid: ONE })]);
  const one = await startClient(t, manager.path, ONE);
  const report = await one.until(({ ended }) => Object.keys(ended).length === 3);
  t.deepEqual(report.ended, { ticks: 'EACCES', news: 'EACCES', collect: 'EACCES' });
  t.deepEqual([report.ticks, report.news, report.ping], [0, 0, 'pong']);
  t.deepEqual(seenOf(ONE), { collected: 0, ended: [] });
});

asRoot('quotas: a stream is one call, and the bytes of what is sent count', async (t) => {
  const { manager, seenOf } = await setScene(t, [
    allow(Flow).to({ uid: ONE }),
    limit(Flow, { bytesPerSecond: 0.001, burstBytes: 3000 }, 'collect').to({ uid: ONE }),
    limit(Flow, { callsPerSecond: 0.001, burst: 1, inFlight: 1 }, 'ticks').to({ uid: ONE }),
  ]);
  const one = await startClient(t, manager.path, ONE);
  const report = await one.until(
    ({ ended, ticks }) => ended['collect'] !== undefined && ticks > 20,
  );
  t.deepEqual(report.ended, { collect: 'EDQUOT' });
  const { collected } = seenOf(ONE);
  t.true(collected > 1000 && collected < 3000, String(collected));
});

asRoot('tokens of streams that others have are worth nothing', async (t) => {
  const scene = await setScene(t, [
    allow(Flow).to({ uid: ONE }),
    allow(Flow, 'ticks').to({ uid: OTHER }),
  ]);
  const { manager, exposed, seenOf } = scene;
  const one = await startClient(t, manager.path, ONE);
  await one.until(flows);
  const thief = await Bypass.start(manager.path, OTHER);
  t.teardown(() => thief.end());
  const { name, hash } = Flow;
  const LOOKUP = 2;
  t.is((await thief.call(0, LOOKUP, { name, hash })).done, 1);
  const { handle } = exposed;
  for (let token = 0; token < 20; token++) {
    for (const code of [StreamCode.Pull, StreamCode.Ready]) {
      t.like(await thief.call(handle, code, undefined, { token }), { done: 0, error: 'ENOENT' });
      t.is((await thief.sendOneway(handle, code, undefined, { token })).done, 1);
    }
    t.is((await thief.sendOneway(handle, StreamCode.Push, 'x', { token })).done, 1);
    t.is((await thief.sendOneway(handle, ABORT_CODE, undefined, { token })).done, 1);
  }
  // Nor does a token of its own open what the policy denies.
  const options = { token: 5, cookie: Cookie.Abortable };
  t.like(await thief.call(handle, COLLECT, undefined, options), { done: 0, error: 'ENOENT' });
  t.like(await thief.sendOneway(handle, TICKS, undefined, options), { done: 1 });
  t.like(await thief.call(handle, StreamCode.Pull, undefined, { token: 5 }), { done: 0 });
  t.deepEqual(await progress(one, seenOf(ONE)), { ticks: true, news: true, collect: true });
  t.deepEqual((await one.report()).ended, {});
  t.deepEqual(seenOf(OTHER), { collected: 0, ended: [] });
});
