/** Tests `liteipc ls` and `liteipc access` in a domain of real processes. */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import ava, { type ExecutionContext } from 'ava';
import { ServiceManager, allow, defineService, deny, method } from 'liteipc';
import { Inspector, type PolicyInput } from 'liteipc/manager';
import type { AccessMatrix } from '#lib/cli/access-matrix.js';
import type { Listing } from '#lib/cli/ls-command.js';
import { asRoot } from '#test/support/conditions.js';
import { startDomain } from '#test/support/domain.js';
import { liteipc } from '#test/support/preload-programs.js';
import { Participant, endParticipants } from '#test/support/participant.js';
import { usePrivateRuntime } from '#test/support/private-runtime.js';

const runtime = usePrivateRuntime();
delete process.env['LITEIPC_DOMAIN'];
const test = ava.serial;
test.afterEach.always(endParticipants);

const uid = process.getuid?.() ?? 0;
const gid = process.getgid?.() ?? 0;

interface World {
  readonly domain: string;
  readonly manager: ServiceManager;
  readonly server: Participant;
  readonly client: Participant;
}

/** Starts a process that serves `orders` and `stock`, and one that calls. */
async function start(t: ExecutionContext, policy: PolicyInput = []): Promise<World> {
  const { name, manager } = await startDomain(t, { policy });
  const [server, client] = await Promise.all([
    Participant.start('server'),
    Participant.start('client'),
  ]);
  for (const each of [server, client]) await each.do('open', { domain: name });
  for (const service of ['orders', 'stock']) await server.do('expose', { service });
  return { domain: name, manager, server, client };
}

async function json<Document>(t: ExecutionContext, ...args: string[]): Promise<Document> {
  const { code, stdout, stderr } = await liteipc([...args, '--json']);
  t.deepEqual([code, stderr], [0, '']);
  return JSON.parse(stdout) as Document;
}

test('ls shows services, owners and rates, as a table and as JSON', async (t) => {
  const { domain, server, client } = await start(t);
  const call = { service: 'orders', method: 'echo' } as const;
  await client.do('call', call);
  let going = true;
  const calling = (async () => {
    while (going) await client.do('call', call);
  })();
  const listing = await json<Listing>(t, 'ls', '--domain', domain, '--interval', '0.3');
  going = false;
  await calling;
  t.like(listing.domain, { name: domain, manager: { pid: process.pid, uid } });
  t.deepEqual(
    listing.services.map(({ name, instances }) => [name, instances.length]),
    [
      ['orders', 1],
      ['stock', 1],
    ],
  );
  const [orders, stock] = listing.services.map(({ instances }) => instances[0]);
  t.like(orders, { callers: 1, state: 'answering', owner: { pid: server.pid, uid, gid } });
  t.is(orders?.owner.program, 'node participant.js');
  t.true((orders?.perSecond?.calls ?? 0) > 1, 'it is called all the time');
  t.is(stock?.perSecond?.calls, 0);
  t.is(orders?.statistics?.errors, 0);
  t.is(typeof orders?.statistics?.device.poolBytes, 'number');

  const { code, stdout } = await liteipc(['ls', '--interval', '0'], { LITEIPC_DOMAIN: domain });
  t.is(code, 0);
  const [title, head, ...lines] = stdout.trimEnd().split('\n');
  t.regex(title ?? '', new RegExp(`^domain ${domain}: 4 processes, manager ${process.pid} `));
  t.regex(
    head ?? '',
    /^SERVICE +PID +USER +PROGRAM .*CALLS\/S.*RUNNING +QUEUE +DROPPED +POOL +STATE$/,
  );
  t.is(lines.length, 2);
  t.regex(
    lines[0] ?? '',
    new RegExp(`^orders +${server.pid} .*node participant\\.js +1 +- .*answering$`),
  );
});

test("ls shows services that hang, and the domain's own with --all", async (t) => {
  const { domain, server } = await start(t);
  process.kill(server.pid, 'SIGSTOP');
  const { stdout, code } = await liteipc(['ls', '--domain', domain, '--interval', '0', '--all']);
  t.is(code, 0);
  t.regex(stdout, /^orders .* - +- +- +- +not answering$/m);
  t.regex(stdout, /^liteipc\.inspector .* answering$/m);
  process.kill(server.pid, 'SIGCONT');
});

test('ls shows every instance of a name', async (t) => {
  const domain = await startDomain(t);
  const Many = defineService('many', { nothing: method() });
  const devices = [await domain.open(), await domain.open()];
  for (const device of devices) {
    await device.expose(Many, { nothing: () => undefined }, { instances: 'many' });
  }
  const { services } = await json<Listing>(t, 'ls', '--domain', domain.name, '--interval', '0');
  t.deepEqual(
    services.map(({ name, instances }) => [name, instances.map(({ owner }) => owner.processId)]),
    [['many', devices.map(({ processId }) => processId)]],
  );
});

test('ls of an empty domain reports that there are no services', async (t) => {
  const { name } = await startDomain(t);
  const { stdout, code } = await liteipc(['ls', '--domain', name, '--interval', '0']);
  t.is(code, 0);
  t.regex(stdout, /\nno services\n$/);
});

test('access shows named and connected callers, by service and by method', async (t) => {
  const { domain, server, client } = await start(t, [
    allow('orders', 'echo').to({ uid: 4711 }),
    allow('orders').to({ uid }, { gid: 33 }),
    deny('stock').to({ pid: process.pid }),
  ]);
  const args = ['access', '--domain', domain, '--uid', '4711', '--gid', '5'];
  const { rows } = await json<AccessMatrix>(t, ...args);
  const cells = rows.map((row) => row.cells.map(({ service, allowed }) => [service, allowed]));
  t.like(rows[0], { uid: 4711, gid: 5, origin: 'given', pids: [] });
  t.deepEqual(cells[0], [
    ['orders', 'some'],
    ['stock', 'no'],
  ]);
  t.is(rows[0]?.cells[0]?.rule, 'rule 1');
  t.is(rows[0]?.cells[0]?.explanation, 'rule 1 allows uid 4711 to echo');
  // The decision for the manager's process differs from that for the two other processes of its
  // user.
  const seen = rows.slice(1);
  t.deepEqual(
    seen.map(({ origin, uid: user, pids }) => [origin, user, [...pids].sort()]),
    [
      ['seen', uid, [process.pid]],
      ['seen', uid, [server.pid, client.pid].sort()],
    ],
  );
  t.is(seen[0]?.cells[1]?.rule, 'rule 4');
  t.deepEqual(cells.slice(1), [
    [
      ['orders', 'yes'],
      ['stock', 'no'],
    ],
    [
      ['orders', 'yes'],
      ['stock', 'yes'],
    ],
  ]);

  const table = await liteipc([...args, '--only-given', '--service', 'orders', '--methods']);
  const [head, row] = table.stdout.split('\n');
  t.regex(head ?? '', /^WHO +orders\.echo +orders\.who +orders\.add /);
  t.regex(row ?? '', /uid 4711 gid 5 +yes +no +no /);
  const why = await liteipc([...args, '--only-given', '--why', '--service', 'stock']);
  t.regex(why.stdout, /uid 4711 gid 5 +stock +no +without a rule it admits uid \d+ alone\n$/);
});

test('access follows a process by its pid while the rules change', async (t) => {
  const { domain, manager, client } = await start(t);
  const ask = async (): Promise<string | undefined> => {
    const args = ['--domain', domain, '--pid', String(client.pid), '--only-given'];
    const { rows } = await json<AccessMatrix>(t, 'access', ...args, '--service', 'orders');
    t.like(rows[0], { uid, gid, origin: 'given', pids: [client.pid] });
    return rows[0]?.cells[0]?.explanation;
  };
  t.is(await ask(), `without a rule it admits uid ${uid} alone`);
  await manager.revoke('orders', { pid: client.pid });
  t.is(await ask(), `a revocation denies pid ${client.pid}`);
});

test('wrong usage prints one line and exits with status 2', async (t) => {
  const { name } = await startDomain(t);
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [['ls'], /no domain is given/],
    [['ls', '--domain', name, '--interval', '-1'], /Expected seconds/],
    [['ls', '--domain', name, 'more'], /too many arguments/],
    [['access', '--domain', name, '--gid', '5'], /--gid requires --uid/],
    [['access', '--domain', name, '--uid', 'me'], /Expected a number/],
    [['access', '--domain', name, '--pid', '0'], /a number from 1/],
    [['access', '--domain', name, '--pid', '4194305'], /no process 4194305/],
    [['access', '--domain', name, '--service', 'a b'], /1 to 64 of/],
    [['access', '--domain', name, '--only-given'], /requires --uid or --pid/],
    [
      ['access', '--domain', name, '--service', 'no', '--methods', '--uid', '1'],
      /"no" is not regist/,
    ],
  ];
  const endings = await Promise.all(wrong.map(([args]) => liteipc(args)));
  for (const [index, { code, stdout, stderr }] of endings.entries()) {
    t.deepEqual([code, stdout], [2, ''], stderr);
    t.regex(stderr, wrong[index]?.[1] ?? /^$/);
    t.is(
      stderr
        .trimEnd()
        .split('\n')
        .filter((line) => !line.startsWith('(')).length,
      1,
      stderr,
    );
  }
  for (const command of ['ls', 'access']) {
    const { code, stdout } = await liteipc([command, '--help']);
    t.is(code, 0);
    t.regex(stdout, /--domain <name>[^]*--json[^]*Exit status/);
  }
});

test('an absent or refusing domain gives status 1 and the reason', async (t) => {
  const { domain } = await start(t, [deny(Inspector).to({ uid })]);
  for (const command of ['ls', 'access']) {
    const none = await liteipc([command, '--domain', 'nowhere']);
    t.deepEqual([none.code, none.stdout], [1, '']);
    t.regex(none.stderr, /^liteipc: Domain "nowhere": no such domain is running.*\(ENODEV\)\n$/);
    const refusing = await liteipc([command, '--domain', domain]);
    t.deepEqual([refusing.code, refusing.stdout], [1, '']);
    t.regex(refusing.stderr, /^liteipc: Service "liteipc\.inspector" refuses .*rule 1 denies/);
  }
});

asRoot('access: users that are connected', async (t) => {
  chmodSync(runtime, 0o711);
  const domain = join(runtime, 'users.sock');
  const policy = [allow('work').to({ gid: 64_001 })];
  const manager = await ServiceManager.start({ domain, socketMode: 0o666, policy });
  t.teardown(() => manager.close());
  const server = await Participant.start('server');
  const other = await Participant.start('other', { user: 64_001 });
  for (const each of [server, other]) await each.do('open', { domain });
  await server.do('expose', {});
  const { rows } = await json<AccessMatrix>(t, 'access', '--domain', domain);
  t.deepEqual(
    rows.map(({ uid: user, pids, cells }) => [user, pids.includes(other.pid), cells[0]?.allowed]),
    [
      [0, false, 'no'],
      [64_001, true, 'yes'],
    ],
  );
});
