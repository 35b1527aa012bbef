/** A directory for this process's control sockets alone, so that test files do not meet. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Makes it the XDG_RUNTIME_DIR of this process and its children; it goes when the process exits.
 */
export function usePrivateRuntime(): string {
  const folder = mkdtempSync(join(tmpdir(), 'liteipc-test-'));
  process.env['XDG_RUNTIME_DIR'] = folder;
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
