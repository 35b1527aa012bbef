#!/usr/bin/env node
/**
 * The command line, `npx liteipc COMMAND`. Exit status: 0 success, 1 the command found a fault or
 * failed, 2 wrong usage or unusable input.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { compareSourceCommand } from './compare-source-command.js';
import { conformanceCommand } from './conformance-command.js';
import { domainCommand } from './domain-command.js';
import { runCommand } from './run-command.js';
import { UsageError } from './usage-error.js';

const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string };

function makeProgram(): Command {
  return new Command('liteipc')
    .description('The LiteIPC of the LiteOS-A kernel on Linux: tools for services and for porters')
    .version(version)
    .showHelpAfterError('(liteipc --help tells what there is)')
    .exitOverride()
    .enablePositionalOptions()
    .addCommand(compareSourceCommand())
    .addCommand(conformanceCommand())
    .addCommand(domainCommand())
    .addCommand(runCommand());
}

async function main(): Promise<void> {
  const program = makeProgram();
  for (const command of program.commands) {
    command.exitOverride();
  }
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed its own message. 0: --help, --version.
      process.exitCode = error.exitCode === 0 ? 0 : 2;
    } else {
      process.stderr.write(`liteipc: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = error instanceof UsageError ? 2 : 1;
    }
  }
}

await main();
