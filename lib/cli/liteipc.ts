#!/usr/bin/env node
/**
 * Entry point of `npx liteipc COMMAND`. Exit status: 0 success, 1 the command found a fault or
 * failed, 2 wrong usage or unusable input.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Help, type Option } from 'commander';
import { accessCommand } from './access-command.js';
import { callCommand } from './call-command.js';
import { compareSourceCommand } from './compare-source-command.js';
import { conformanceCommand } from './conformance-command.js';
import { doctorCommand } from './doctor-command.js';
import { domainCommand } from './domain-command.js';
import { lsCommand } from './ls-command.js';
import { runCommand } from './run-command.js';
import { serveCommand } from './serve-command.js';
import { UsageError } from '../common/usage-error.js';
import { watchCommand } from './watch-command.js';

const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string };

/** Describes an option for --help, without the empty default of a repeatable option. */
function describeOption(option: Option): string {
  return new Help().optionDescription(option).replace(/ \(default: (?:\[\]|\{\})\)$/, '');
}

/**
 * Applies the common settings to a command and its subcommands. They throw instead of ending the
 * process, so that the entry point sets the exit status.
 */
function configure(command: Command): Command {
  command.exitOverride().configureHelp({ optionDescription: describeOption });
  for (const each of command.commands) configure(each);
  return command;
}

function makeProgram(): Command {
  const program = new Command('liteipc')
    .description(
      'Starts domains, calls and inspects services, and runs programs for the LiteIPC of the LiteOS-A kernel on Linux.',
    )
    .version(version)
    .showHelpAfterError('(liteipc --help lists the commands)')
    .enablePositionalOptions()
    .addCommand(accessCommand())
    .addCommand(callCommand())
    .addCommand(compareSourceCommand())
    .addCommand(conformanceCommand())
    .addCommand(doctorCommand())
    .addCommand(domainCommand())
    .addCommand(lsCommand())
    .addCommand(runCommand())
    .addCommand(serveCommand())
    .addCommand(watchCommand())
    .addHelpText(
      'after',
      `
"liteipc COMMAND --help" describes a command. docs/command-line.md has the
details.

Examples:
  $ npx liteipc doctor
  $ npx liteipc serve --domain shop --policy shop.jsonc
  $ npx liteipc ls --domain shop
  $ npx liteipc call calculator add '[1, 2]' --domain shop`,
    );
  return configure(program);
}

async function main(): Promise<void> {
  try {
    await makeProgram().parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed its own message. 0: --help, --version.
      process.exitCode = error.exitCode === 0 ? 0 : 2;
    } else {
      const message = error instanceof Error ? error.message : String(error);
      // Some messages begin with the name of the package, which is also the name of the command.
      process.stderr.write(`liteipc: ${message.replace(/^liteipc: /, '')}\n`);
      process.exitCode = error instanceof UsageError ? 2 : 1;
    }
  }
}

await main();
