/** Notifies systemd that a service is ready. Node has no Unix datagram sockets. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const TIMEOUT_MS = 5000;
const execute = promisify(execFile);

/**
 * Sends READY=1 if systemd waits for it (NOTIFY_SOCKET), through the program `systemd-notify`. The
 * unit needs NotifyAccess=all. Resolves to an error text for the log; the service runs in any case.
 */
export async function notifyReady(): Promise<string | undefined> {
  const socket = process.env['NOTIFY_SOCKET'];
  if (socket === undefined || socket === '') return undefined;
  try {
    await execute('systemd-notify', ['--ready'], { timeout: TIMEOUT_MS });
    return undefined;
  } catch (error) {
    const [reason] = (error as Error).message.trim().split('\n');
    return `systemd-notify --ready failed (${reason}); without it the unit must set Type=exec`;
  }
}
