// Finds the headers (uv.h among them) that belong to the running Node.
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The prefix whose include/node has Node's headers, as npm's `nodedir` setting wants it: what the
 * user set, else the prefix of the running binary, else the system's. Undefined if there is none.
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

/** Environment for node-gyp: those headers instead of a download, and all processors. */
export function nodeGypEnvironment() {
  const nodeDir = findNodeDir();
  return { JOBS: 'max', ...(nodeDir === undefined ? {} : { npm_config_nodedir: nodeDir }) };
}
