/** Implements `liteipc doctor`: finds what keeps LiteIPC from working, with remedies. */
import { constants } from 'node:os';
import { Command } from 'commander';
import type { Finding } from '../doctor/finding.js';
import { domainOption, givenDomain } from './domain-option.js';

interface DoctorOptions {
  readonly domain?: string;
  readonly json?: true;
}

const marks = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ' } as const;

function lineOf({ check, result, text, remedy }: Finding): string {
  const line = `${marks[result]}  ${check}: ${text}\n`;
  return remedy === undefined ? line : `${line}         -> ${remedy}\n`;
}

function countsOf(findings: readonly Finding[]): string {
  const count = (wanted: string): number =>
    findings.filter(({ result }) => result === wanted).length;
  const warnings = count('warning');
  return `${count('ok')} ok, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}, ${count('failed')} failed\n`;
}

async function runDoctor({ domain, json }: DoctorOptions): Promise<void> {
  const name = givenDomain(domain);
  const { examine } = await import('../doctor/doctor.js');
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      process.exitCode = 128 + constants.signals[signal];
      controller.abort();
    });
  }
  const findings = await examine(name, controller.signal);
  if (controller.signal.aborted) return;
  process.stdout.write(
    json
      ? `${JSON.stringify(findings, null, 2)}\n`
      : `${findings.map(lineOf).join('')}\n${countsOf(findings)}`,
  );
  if (findings.some(({ result }) => result === 'failed')) process.exitCode = 1;
}

/** Returns the command. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'look whether this machine has what LiteIPC needs, try it in a private domain, and look at the domain ' +
        'given; for each finding, what it means and what to do',
    )
    .addOption(domainOption())
    .option('--json', 'an array of {check, result, text, remedy}; result: ok, warning or failed')
    .addHelpText(
      'after',
      '\nChanges nothing and leaves nothing behind.\nExit status: 0 nothing failed, 1 something did, 2 wrong usage.',
    )
    .action(runDoctor);
}
