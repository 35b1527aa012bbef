// npm run api-report: writes docs/api-report/, the declarations of each entry point of the package,
// so that a review shows what a change does to the public API. With --check it writes nothing and
// fails if a report is out of date.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { build } from './build.mjs';
import { Problem, main, root } from './support/run.mjs';

/** Reports by name, with the declarations that each describes. */
const entryPoints = {
  liteipc: 'dist/index.d.ts',
  'liteipc-manager': 'dist/manager/index.d.ts',
  'liteipc-native': 'dist/native.d.ts',
  'liteipc-opentelemetry': 'dist/opentelemetry.d.ts',
};

const quiet = { default: { logLevel: ExtractorLogLevel.None, addToApiReportFile: false } };

function configOf(name, declarations) {
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(root, declarations),
      compiler: { tsconfigFilePath: join(root, 'tsconfig.lib.json') },
      apiReport: {
        enabled: true,
        reportFolder: join(root, 'docs/api-report'),
        reportTempFolder: join(root, 'out/api-report'),
        reportFileName: name,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      // TypeScript and typedoc check the declarations and their comments.
      messages: {
        compilerMessageReporting: quiet,
        extractorMessageReporting: {
          ...quiet,
          'ae-forgotten-export': { logLevel: ExtractorLogLevel.None, addToApiReportFile: false },
        },
        tsdocMessageReporting: quiet,
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
  });
}

/** Checks the reports, or writes them with `write`. Throws a Problem if one is out of date. */
function apiReport(write) {
  build('lib');
  mkdirSync(join(root, 'docs/api-report'), { recursive: true });
  const outdated = Object.entries(entryPoints).filter(([name, declarations]) => {
    const result = Extractor.invoke(configOf(name, declarations), {
      localBuild: write,
      messageCallback: (message) => (message.handled = true),
    });
    return result.apiReportChanged;
  });
  const names = outdated.map(([name]) => `docs/api-report/${name}.api.md`).join(', ');
  if (write) console.log(names === '' ? 'API reports: no change' : `Wrote ${names}`);
  else if (names !== '') throw new Problem(`Out of date: ${names}. Run npm run api-report`);
}

await main(() => apiReport(process.argv[2] !== '--check'));
