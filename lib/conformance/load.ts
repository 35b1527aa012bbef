/** Finds and reads the scenario files that the command line names. */
import { readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Complaint } from '../common/json-source.js';
import { MalformedScenario, parseScenario } from './parse.js';
import type { Scenario, Target } from './scenario.js';

const isScenarioFile = (name: string): boolean => /\.jsonc?$/.test(name);

/**
 * Returns the scenario files among `paths`: files as given, folders with all their files, sorted. A
 * file that is named twice appears once. Throws the error of the file system, or an `Error` if a
 * folder has none.
 */
export function findScenarioFiles(paths: readonly string[]): readonly string[] {
  const files = new Map<string, string>();
  for (const path of paths) {
    const isFolder = statSync(path).isDirectory();
    const names = isFolder
      ? readdirSync(path, { recursive: true, encoding: 'utf8' }).filter(isScenarioFile).sort()
      : [''];
    if (names.length === 0) throw new Error(`${path}: no .json file in this folder`);
    for (const name of names) {
      const file = name === '' ? path : join(path, name);
      const identity = realpathSync(file);
      if (!files.has(identity)) files.set(identity, file);
    }
  }
  return [...files.values()];
}

/**
 * Reads all `files` and continues after a malformed one. The complaints cover all files. Throws the
 * error of the file system if a file cannot be read.
 */
export function loadScenarios(
  files: readonly string[],
  target: Target,
): { scenarios: readonly Scenario[]; complaints: readonly Complaint[] } {
  const complaints: Complaint[] = [];
  const scenarios = new Map<string, Scenario>();
  for (const file of files) {
    try {
      const scenario = parseScenario(readFileSync(file, 'utf8'), file, target);
      const other = scenarios.get(scenario.name);
      if (other === undefined) {
        scenarios.set(scenario.name, scenario);
      } else {
        const message = `name: "${scenario.name}" is the name of the scenario in ${other.file} too`;
        complaints.push({ file, line: 1, column: 1, message });
      }
    } catch (error) {
      if (!(error instanceof MalformedScenario)) throw error;
      complaints.push(...error.complaints);
    }
  }
  return { scenarios: [...scenarios.values()], complaints };
}
