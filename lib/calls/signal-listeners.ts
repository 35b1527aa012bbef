/**
 * Listeners for the abort of a signal, any number of them: the signal itself gets one listener, for
 * it warns of a leak when it has more than ten, and a program may well use one signal for all its
 * calls.
 */

type Listener = () => void;

const listenersOf = new WeakMap<AbortSignal, { readonly all: Set<Listener>; tell: Listener }>();

/**
 * Calls `listener` once when the signal is aborted, unless the function that this returns was
 * called before.
 */
export function onAbort(signal: AbortSignal, listener: Listener): () => void {
  let listeners = listenersOf.get(signal);
  if (listeners === undefined) {
    const all = new Set<Listener>();
    listeners = {
      all,
      tell: () => {
        listenersOf.delete(signal);
        for (const each of all) each();
      },
    };
    listenersOf.set(signal, listeners);
    signal.addEventListener('abort', listeners.tell, { once: true });
  }
  const { all, tell } = listeners;
  all.add(listener);
  return () => {
    if (!all.delete(listener) || all.size > 0 || signal.aborted) return;
    listenersOf.delete(signal);
    signal.removeEventListener('abort', tell);
  };
}
