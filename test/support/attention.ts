/** A service that records the signals of its calls. */
import { defineService, method, oneway, type ImplementationOf } from 'liteipc';

export const Attention = defineService('attention', {
  /** Ends only when its signal is aborted; `Attentive.ended` has the reason. */
  serve: method<string, string>(),
  /** As `serve`, but first blocks the service's thread for the given time, ms. */
  serveLater: method<number, string>(),
  /** [deadline - now, remainingMs], ms. */
  time: method<void, [number, number]>(),
  /** Reads the signal and answers at once. */
  quick: method<void, boolean>(),
  /** Never reads the signal, and never ends. */
  deaf: method<Uint8Array | undefined>(),
  note: oneway<string>(),
});

/** Implements the service. */
export class Attentive implements ImplementationOf<typeof Attention> {
  readonly begun: string[] = [];
  /** `LABEL CODE` of each `serve` whose signal was aborted. */
  readonly ended: string[] = [];
  readonly notes: string[] = [];
  readonly signals: AbortSignal[] = [];
  releases: (() => void)[] = [];

  readonly serve = (label: string, call: { readonly signal: AbortSignal }): Promise<string> => {
    this.begun.push(label);
    return this.#untilAborted(label, call.signal);
  };

  readonly serveLater = (ms: number, call: { readonly signal: AbortSignal }): Promise<string> => {
    this.begun.push('later');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    return this.#untilAborted('later', call.signal);
  };

  readonly time = (
    _input: unknown,
    call: { readonly deadline: number; readonly remainingMs: number },
  ): [number, number] => [call.deadline - performance.now(), call.remainingMs];

  readonly quick = (_input: unknown, call: { readonly signal: AbortSignal }): boolean => {
    this.signals.push(call.signal);
    return call.signal.aborted;
  };

  readonly deaf = (): Promise<void> => new Promise((resolve) => this.releases.push(resolve));

  readonly note = (text: string): void => {
    this.notes.push(text);
  };

  async #untilAborted(label: string, signal: AbortSignal): Promise<string> {
    if (!signal.aborted) {
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve, { once: true });
      });
    }
    const { code } = signal.reason as { code: string };
    this.ended.push(`${label} ${code}`);
    return label;
  }
}
