// Finds the headers of the running Node, including uv.h.
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Returns the prefix whose include/node has Node's headers, in the form of npm's `nodedir` setting:
 * the user's setting, or else the prefix of the running binary, or else the system's. Undefined if
 * there is none.
 */
export function findNodeDir() {
  const binary = realpathSync(process.execPath);
  const candidates = [
    process.env.npm_config_nodedir,
    dirname(dirname(binary)),
    '/usr/local',
    '/usr',
  ];
  return candidates.find((prefix) => prefix && existsSync(join(prefix, 'include/node/uv.h')));
}

/**
 * Returns the environment for node-gyp: it uses these headers instead of a download, and all
 * processors.
 */
export function nodeGypEnvironment() {
  const nodeDir = findNodeDir();
  return { JOBS: 'max', ...(nodeDir === undefined ? {} : { npm_config_nodedir: nodeDir }) };
}
