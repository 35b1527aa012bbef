/**
 * Implements `liteipc access`: the matrix of callers and services in a running domain, with the
 * deciding rules.
 */
import { Command } from 'commander';
import { askAccess, type AccessMatrix, type Cell, type Row } from './access-matrix.js';
import { domainOption, requiredDomain } from './domain-option.js';
import { withInspector } from './inspector-client.js';
import { readList, readNumber, readService } from './option-readers.js';
import { formatTable, printable } from './table.js';
import { UsageError } from '../common/usage-error.js';

interface AccessOptions {
  readonly domain?: string;
  readonly uid: readonly number[];
  readonly gid: readonly number[];
  readonly pid: readonly number[];
  readonly service: readonly string[];
  readonly methods?: true;
  readonly onlyGiven?: true;
  readonly why?: true;
  readonly json?: true;
}

const readId = readNumber(0, 0xffff_ffff);
const pidsShown = 4;

function labelOf({ uid, user, gid, pids, programs }: Row): string {
  const who = `${user === undefined ? '' : `${user} `}uid ${uid} gid ${gid}`;
  if (pids.length === 0) return who;
  const shown = pids.slice(0, pidsShown).join(', ');
  const more = pids.length > pidsShown ? ` and ${pids.length - pidsShown} more` : '';
  const program = programs.length === 1 ? ` ${programs[0] ?? ''}` : '';
  return `${who} (pid ${shown}${more}${program})`;
}

function titleOf({ service, method }: Cell): string {
  return method === undefined ? service : `${service}.${method}`;
}

function formatMatrix({ domain, rows, shortened }: AccessMatrix, why: boolean): string {
  const columns = rows[0]?.cells.map(titleOf) ?? [];
  if (rows.length === 0) return `domain ${domain}: no processes or users to show`;
  if (columns.length === 0) return `domain ${domain}: no services`;
  const table = why
    ? formatTable(
        ['WHO', 'WHAT', 'MAY', 'BECAUSE'],
        rows.flatMap((row) =>
          row.cells.map((cell) => {
            const limits = cell.limits.length === 0 ? '' : `; limited by ${cell.limits.join(', ')}`;
            return [labelOf(row), titleOf(cell), cell.allowed, `${cell.explanation}${limits}`];
          }),
        ),
      )
    : formatTable(
        ['WHO', ...columns],
        rows.map((row) => [labelOf(row), ...row.cells.map(({ allowed }) => allowed)]),
      );
  const note = 'there are many processes: each row shows one process of a user and group';
  return shortened ? `${table}\n${printable(note)}` : table;
}

async function run(options: AccessOptions): Promise<void> {
  const domain = requiredDomain('access', options.domain);
  const { uid: uids, gid: gids, pid: pids, service: services, onlyGiven = false } = options;
  if (gids.length > 0 && uids.length === 0) throw new UsageError('access: --gid requires --uid');
  if (onlyGiven && uids.length === 0 && pids.length === 0) {
    throw new UsageError('access: --only-given requires --uid or --pid');
  }
  const question = { uids, gids, pids, services, onlyGiven, methods: options.methods === true };
  const matrix = await withInspector(domain, (inspector) => askAccess(inspector, domain, question));
  const text =
    options.json === undefined
      ? formatMatrix(matrix, options.why === true)
      : JSON.stringify(matrix, null, 2);
  process.stdout.write(`${text}\n`);
}

/** Returns the command. */
export function accessCommand(): Command {
  return new Command('access')
    .summary('show who may call each service of a running domain')
    .description(
      'Shows who may call each service of a running domain, for the connected processes and for the users ' +
        'and processes that the options name.',
    )
    .addOption(domainOption())
    .option('--uid <uid>', 'add this user (repeatable)', readList(readId), [])
    .option(
      '--gid <gid>',
      'use this group instead of the primary one (repeatable)',
      readList(readId),
      [],
    )
    .option(
      '--pid <pid>',
      'add this process, connected or not (repeatable)',
      readList(readNumber(1, 0xffff_ffff)),
      [],
    )
    .option('--service <name>', 'show only this service (repeatable)', readList(readService), [])
    .option('--methods', 'show a column for every method')
    .option('--only-given', 'leave out the connected processes')
    .option('--why', 'print a line for every decision, with the deciding rule')
    .option('--json', 'print one JSON document, with the deciding rules')
    .addHelpText(
      'after',
      `
"some" means that some of the methods are allowed; see --methods. The table
shows the current decisions of the manager and of the services' own checks.

Exit status: 0 success, 1 no such domain, or it refuses this user, 2 wrong
usage.

Examples:
  $ npx liteipc access --domain shop
  $ npx liteipc access --domain shop --uid 1000 --gid 33 --only-given --why
  $ npx liteipc access --domain shop --service orders --methods --json`,
    )
    .action(run);
}
