/** Implements `liteipc compare-source`: compares the kernel's LiteIPC with this package's. */
import { Command } from 'commander';

interface Options {
  json?: true;
  differences?: true;
}

export function compareSourceCommand(): Command {
  return new Command('compare-source')
    .summary("compare the kernel's LiteIPC source with this package")
    .description("Compares the header and source of the kernel's LiteIPC with this package.")
    .argument(
      '<path...>',
      'the folder kernel_liteos_a, a folder with hm_liteipc.h and hm_liteipc.c, or these files',
    )
    .option('--differences', 'show only what differs')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
Exit status: 0 no difference, 1 differences, 2 unusable input.

Examples:
  $ npx liteipc compare-source ~/src/kernel_liteos_a
  $ npx liteipc compare-source --differences hm_liteipc.h hm_liteipc.c`,
    )
    .action(async (paths: string[], options: Options) => {
      // The parser is loaded only when it is needed.
      const { compareWithKernel } = await import('../compare-source/compare.js');
      const { formatJson, formatReport } = await import('../compare-source/report.js');
      const { readKernelSources } = await import('../compare-source/sources.js');
      const comparison = await compareWithKernel(readKernelSources(paths));
      process.stdout.write(
        options.json === true
          ? formatJson(comparison)
          : formatReport(comparison, options.differences === true),
      );
      process.exitCode = comparison.isSame ? 0 : 1;
    });
}
