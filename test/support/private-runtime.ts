/** Separates the control sockets of test files. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Makes an XDG_RUNTIME_DIR for this process and its children. The exit removes it. */
export function usePrivateRuntime(): string {
  const folder = mkdtempSync(join(tmpdir(), 'liteipc-test-'));
  process.env['XDG_RUNTIME_DIR'] = folder;
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
