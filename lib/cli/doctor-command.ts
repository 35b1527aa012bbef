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
    .summary('find problems of this machine or of a domain')
    .description(
      'Checks whether this machine has everything that LiteIPC needs, tries it in a private domain, and checks ' +
        'the given domain. Prints the meaning of each finding and its remedy.',
    )
    .addOption(domainOption())
    .option(
      '--json',
      'print an array of {check, result, text, remedy}; result is ok, warning or failed',
    )
    .addHelpText(
      'after',
      `
The checks change nothing and leave no files behind.

Exit status: 0 no check failed, 1 a check failed, 2 wrong usage.

Examples:
  $ npx liteipc doctor
  $ npx liteipc doctor --domain shop --json`,
    )
    .action(runDoctor);
}
