/** Formats one message of `liteipc watch` as a line. */
import type { Party, WatchedMessage } from '../manager/inspect/messages.js';
import { formatBytes, printable } from './table.js';

function who({ service, pid, processId }: Party): string {
  const number = pid === undefined ? `#${processId}` : String(pid);
  return service === undefined ? number : `${service}(${number})`;
}

function clock(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const ms = String(time.getMilliseconds()).padStart(3, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${ms}`;
}

/** Returns a line for people: time, event, sender and receiver, method, size and details. */
export function messageLine(message: WatchedMessage): string {
  const { time, kind, from, to, service, method, size, oneWay, reason, afterMs, hook } = message;
  const name = [service, method].filter((part) => part !== undefined).join('.');
  const isAnswer = kind === 'reply' || kind === 'error';
  const parts = [
    clock(time),
    kind.padEnd(7),
    `${who(from)} -> ${who(to)}`,
    ...(name === '' ? [] : [name]),
    ...(kind === 'wait' ? [hook] : [formatBytes(size)]),
    ...(oneWay ? ['one-way'] : []),
    ...(reason === undefined ? [] : [`${hook === 'IPC_WRITE_DROP' ? 'refused: ' : ''}${reason}`]),
    ...(isAnswer && afterMs !== undefined ? [`after ${afterMs.toFixed(3)} ms`] : []),
  ];
  return printable(parts.join('  '));
}

/** Returns a line of JSON. */
export function jsonLine(message: WatchedMessage): string {
  return JSON.stringify(message);
}
