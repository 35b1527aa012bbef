/** Defines the messages between the demo and its processes, over the channel of fork(). */
import type { FileReport } from './contract.js';
import type { Speed } from './speed.js';

/** A message from the demo to a process. */
export type Order =
  | { readonly type: 'manage'; readonly domain: string; readonly admitted: readonly number[] }
  | { readonly type: 'serve'; readonly domain: string }
  | { readonly type: 'read'; readonly domain: string; readonly files: readonly string[] }
  | { readonly type: 'measure' }
  | { readonly type: 'call'; readonly domain: string }
  | { readonly type: 'stop' };

/** A message from a process to the demo. */
export type Report =
  | { readonly type: 'ready'; readonly text: string }
  | { readonly type: 'refused'; readonly code: string; readonly text: string }
  | { readonly type: 'files'; readonly files: readonly FileReport[]; readonly calls: number }
  | { readonly type: 'speed'; readonly liteipc: Speed; readonly processSend: Speed }
  | {
      readonly type: 'calls';
      readonly answered: number;
      readonly failed: Readonly<Record<string, number>>;
      /** From the last answer of the killed service to the first of the new one, ms. */
      readonly gapMs: number;
    };

const received: Order[] = [];
let waiting: (() => void) | undefined;
process.on('message', (order: Order) => {
  received.push(order);
  waiting?.();
});

/** The next order, which must be of this type. */
export async function receive<Type extends Order['type']>(
  type: Type,
): Promise<Extract<Order, { type: Type }>> {
  while (received.length === 0) await new Promise<void>((resolve) => (waiting = resolve));
  const order = received.shift();
  if (order?.type !== type) throw new Error(`expected ${type}, got ${order?.type ?? 'nothing'}`);
  return order as Extract<Order, { type: Type }>;
}

/** Reports to the demo. */
export function send(report: Report): void {
  process.send?.(report);
}
