/**
 * The programs that run one scenario: which one, with what environment, and what it needs to live.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNativeFile, loadNativeBinding } from '../native/binding.js';

/**
 * A program that is ready to run one scenario, which it reads as a table from its standard input.
 */
export interface PreparedEngine {
  readonly program: string;
  readonly args: readonly string[];
  /** Added to the environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Takes away what was prepared. The program has ended by then. */
  readonly dispose: () => void;
}

/** Prepares a program for one scenario. Throws if it cannot. */
export type Engine = () => PreparedEngine;

/** A folder of the engine's own, and what removes it with all that is in it. */
function makeFolder(): readonly [folder: string, remove: () => void] {
  const folder = mkdtempSync(join(tmpdir(), 'liteipc-conformance-'));
  return [folder, () => rmSync(folder, { recursive: true, force: true })];
}

/**
 * Every process of the scenario is a device in one OS process, in a domain of the program's own.
 */
export function inOneProcess(): Engine {
  const program = findNativeFile('liteipc-conformance');
  return () => {
    // The program cleans up after itself, unless it crashes or is killed.
    const [folder, dispose] = makeFolder();
    return { program, args: [], env: { TMPDIR: folder }, dispose };
  };
}

/** `LD_PRELOAD` with the shim after what the user preloads already. */
function preload(shim: string): string {
  const own = process.env['LD_PRELOAD'];
  return own === undefined || own === '' ? shim : `${own}:${shim}`;
}

/**
 * Every process of the scenario is a process of the OS that uses nothing but the device, which the
 * shim gives it. Each scenario has a domain of its own with the sizes of the kernel, run by this
 * process.
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

/** The same program on a device that is really there, such as a kernel's. */
export function onDevice(device: string): Engine {
  const program = findNativeFile('liteipc-conformance-device');
  return () => ({ program, args: ['--device', device], env: {}, dispose: () => undefined });
}
