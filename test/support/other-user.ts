/** Runs Node programs as other users, with a copy of the package that every user may read. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findAddon } from '#lib/native/binding.js';
import { root } from './paths.js';

/** Identity of a process. */
export interface User {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups?: readonly number[];
}

/**
 * Returns arguments for Node, which make it change to that user before it loads anything. Root
 * starts the interpreter, because other users may not be able to read its folder.
 */
export function asUser({ uid, gid, groups = [] }: User): string[] {
  const code = [
    `process.setgroups(${JSON.stringify(groups)})`,
    `process.setgid(${gid})`,
    `process.setuid(${uid})`,
  ].join(';');
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
}

/** Makes a folder that every user may enter and only this user may write. The exit removes it. */
export function makeOpenFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lu-'));
  chmodSync(folder, 0o755);
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Copies the package there like `npm install`, readable to all. */
export function installPackage(folder: string): string {
  const place = join(folder, 'liteipc');
  const addon = join(place, 'build-cmake/Release/liteipc.node');
  mkdirSync(join(place, 'build-cmake/Release'), { recursive: true });
  mkdirSync(join(place, 'node_modules'));
  cpSync(join(root, 'package.json'), join(place, 'package.json'));
  cpSync(join(root, 'dist'), join(place, 'dist'), { recursive: true });
  cpSync(findAddon(), addon);
  const needed = ['commander', 'jsonc-parser', 'msgpackr', 'zod', 'node-gyp-build'];
  for (const name of [...needed, '@standard-schema', 'msgpackr-extract', '@msgpackr-extract']) {
    const source = join(root, 'node_modules', name);
    const target = join(place, 'node_modules', name);
    if (existsSync(source)) cpSync(source, target, { recursive: true, dereference: true });
  }
  const { status, stderr } = spawnSync('chmod', ['-R', 'a+rX', place], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return place;
}
