/** A worker that is terminated with memory files, mappings and socket pairs open in every state. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadNativeBinding } from '#lib/native/binding.js';
import type { NativeDescriptor, NativeMapping, NativeMemoryFile } from '../../types/native.js';

const binding = loadNativeBinding();
const { mode } = workerData as { readonly mode: 'exit' | 'terminate' };
const part = new Uint8Array(64 * 1024 * 1024).fill(7);

const sealed = binding.createMemoryFile();
sealed.append([part.subarray(0, 100_000)]);
const descriptor = sealed.seal();
const filling = binding.createMemoryFile();
const open: (NativeDescriptor | NativeMapping | NativeMemoryFile | Uint8Array)[] = [
  descriptor,
  binding.mapMemoryFile(descriptor.fd),
  new Uint8Array(binding.mapMemoryFile(descriptor.fd, 5000, 1000).buffer),
  binding.createMemoryFile(),
  filling,
  ...binding.createSocketPair(),
];
filling.appendInBackground([part]).catch(() => undefined);
parentPort?.postMessage(open.length);
// The termination interrupts this loop.
if (mode === 'terminate') setInterval(() => open.length, 1);
