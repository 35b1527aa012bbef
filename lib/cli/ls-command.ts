/**
 * Implements `liteipc ls`: lists the services of a running domain, their processes and their load.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Command } from 'commander';
import type { DomainReport, ProcessReport, ServiceReport } from '../manager/inspect/contract.js';
import { domainOption, requiredDomain } from './domain-option.js';
import { listServices, withInspector } from './inspector-client.js';
import { readSeconds } from './option-readers.js';
import { formatBytes, formatSpan, formatTable, printable } from './table.js';
import { userName } from './users.js';

interface LsOptions {
  readonly domain?: string;
  readonly interval: number;
  readonly all?: true;
  readonly json?: true;
}

/** One instance of a service with its rates between two samples. */
export interface Instance extends Omit<ServiceReport, 'name' | 'owner'> {
  readonly owner: ProcessReport & { readonly user?: string };
  /** Absent if the instance did not exist or did not answer in both samples. */
  readonly perSecond?: { readonly calls: number; readonly errors: number };
}

/** The document of `--json`. */
export interface Listing {
  readonly domain: DomainReport;
  readonly services: readonly { readonly name: string; readonly instances: readonly Instance[] }[];
}

function ratesOf(before: ServiceReport | undefined, after: ServiceReport): Instance['perSecond'] {
  const [from, to] = [before?.statistics, after.statistics];
  if (from === undefined || to === undefined || to.time <= from.time) return undefined;
  const seconds = (to.time - from.time) / 1000;
  return {
    calls: (to.calls - from.calls) / seconds,
    errors: (to.errors - from.errors) / seconds,
  };
}

function makeListing(
  domain: DomainReport,
  before: readonly ServiceReport[],
  after: readonly ServiceReport[],
): Listing {
  const key = ({ handle, generation }: ServiceReport): string => `${handle} ${generation}`;
  const earlier = new Map(before.map((each) => [key(each), each]));
  const byName = new Map<string, Instance[]>();
  for (const report of after) {
    const { name, owner, ...rest } = report;
    const user = userName(owner.uid);
    const perSecond = ratesOf(earlier.get(key(report)), report);
    const instance: Instance = {
      ...rest,
      owner: user === undefined ? owner : { ...owner, user },
      ...(perSecond === undefined ? {} : { perSecond }),
    };
    byName.set(name, [...(byName.get(name) ?? []), instance]);
  }
  return { domain, services: [...byName].map(([name, instances]) => ({ name, instances })) };
}

function rowOf(name: string, instance: Instance): string[] {
  const { owner, statistics, perSecond, callers, state } = instance;
  const rate = (value: number | undefined): string => value?.toFixed(value < 10 ? 1 : 0) ?? '-';
  const of = (read: (from: NonNullable<typeof statistics>) => number | string): string =>
    statistics === undefined ? '-' : String(read(statistics));
  return [
    name,
    String(owner.pid),
    owner.user ?? `uid ${owner.uid}`,
    owner.program ?? '-',
    String(callers),
    rate(perSecond?.calls),
    rate(perSecond?.errors),
    of(({ running }) => running),
    // Requests in the program's queue, and requests that the core has not passed to it yet.
    of(({ waiting, queued }) => waiting + queued),
    of(({ dropped }) => Object.values(dropped).reduce((sum, count) => sum + count, 0)),
    of(({ device }) => formatBytes(device.poolBytes)),
    state.replace('-', ' '),
  ];
}

const head = [
  ...['SERVICE', 'PID', 'USER', 'PROGRAM', 'CALLERS', 'CALLS/S', 'ERRORS/S'],
  ...['RUNNING', 'QUEUE', 'DROPPED', 'POOL', 'STATE'],
];

function formatListing({ domain, services }: Listing): string {
  const { manager, counters, upMs } = domain;
  const title =
    `domain ${domain.name}: ${counters.processes} processes, manager ${manager.pid} ` +
    `(${manager.program ?? `uid ${manager.uid}`}), up ${formatSpan(upMs)}`;
  if (services.length === 0) return `${printable(title)}\nno services`;
  const rows = services.flatMap(({ name, instances }) =>
    instances.map((instance) => rowOf(name, instance)),
  );
  const isNumber = (column: number): boolean => column === 1 || (column >= 4 && column <= 10);
  return `${printable(title)}\n${formatTable(head, rows, isNumber)}`;
}

async function run(options: LsOptions): Promise<void> {
  const name = requiredDomain('ls', options.domain);
  const listing = await withInspector(name, async (inspector) => {
    const before = options.interval === 0 ? [] : await listServices(inspector, options.all);
    if (options.interval > 0) await pause(options.interval * 1000);
    const after = await listServices(inspector, options.all);
    return makeListing(await inspector.domain(), before, after);
  });
  const text =
    options.json === undefined ? formatListing(listing) : JSON.stringify(listing, null, 2);
  process.stdout.write(`${text}\n`);
}

/** Returns the command. */
export function lsCommand(): Command {
  return new Command('ls')
    .summary('list the services of a running domain')
    .description(
      'Lists the services of a running domain, the processes that serve them, and their load.',
    )
    .addOption(domainOption())
    .option(
      '--interval <seconds>',
      'time over which calls are counted; 0 disables counting',
      readSeconds(0, 3600),
      1,
    )
    .option('--all', "include the domain's own services")
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
A service is "not answering" if its process does not answer within half a
second; its event loop may be blocked. The load of a service in C is "unknown",
because only its process knows it. POOL belongs to the device, which may serve
several names.

Exit status: 0 success, 1 no such domain, or it refuses this user, 2 wrong
usage.`,
    )
    .action(run);
}
