/**
 * Prepares the programs that run one scenario: the program, its environment and its temporary
 * files.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNativeFile, loadNativeBinding } from '../native/binding.js';

/**
 * A program that is ready to run one scenario. It reads the scenario as a table from standard
 * input.
 */
export interface PreparedEngine {
  readonly program: string;
  readonly args: readonly string[];
  /** Variables added to the environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Removes what was prepared. Called after the program has ended. */
  readonly dispose: () => void;
}

/** Prepares a program for one scenario. Throws if it cannot. */
export type Engine = () => PreparedEngine;

/**
 * Makes a folder for the engine. Returns the folder and a function that removes it with its
 * contents.
 */
function makeFolder(): readonly [folder: string, remove: () => void] {
  const folder = mkdtempSync(join(tmpdir(), 'liteipc-conformance-'));
  return [folder, () => rmSync(folder, { recursive: true, force: true })];
}

/** Runs every process of the scenario as a device in one OS process, in a private domain. */
export function inOneProcess(): Engine {
  const program = findNativeFile('liteipc-conformance');
  return () => {
    // The program cleans up after itself unless it crashes or is killed.
    const [folder, dispose] = makeFolder();
    return { program, args: [], env: { TMPDIR: folder }, dispose };
  };
}

/** Returns `LD_PRELOAD` with the shim after the libraries that the user preloads. */
function preload(shim: string): string {
  const own = process.env['LD_PRELOAD'];
  return own === undefined || own === '' ? shim : `${own}:${shim}`;
}

/**
 * Runs every process of the scenario as an OS process that uses only the device, which the shim
 * provides. Each scenario has a private domain with the sizes of the kernel, run by this process.
 */
export function inProcesses(): Engine {
  const program = findNativeFile('liteipc-conformance-device');
  const shim = findNativeFile('liteipc_preload.so');
  const binding = loadNativeBinding();
  return () => {
    const [folder, removeFolder] = makeFolder();
    try {
      const domain = binding.startDomain({ name: join(folder, 'domain'), profile: 1 });
      return {
        program,
        args: [],
        env: { LD_PRELOAD: preload(shim), LITEIPC_DOMAIN: domain.path },
        dispose: () => {
          domain.stop();
          removeFolder();
        },
      };
    } catch (error) {
      removeFolder();
      throw error;
    }
  };
}

/** Runs the same program on an existing device, such as a kernel's. */
export function onDevice(device: string): Engine {
  const program = findNativeFile('liteipc-conformance-device');
  return () => ({ program, args: ['--device', device], env: {}, dispose: () => undefined });
}
