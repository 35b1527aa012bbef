/** A process of a test that gives up being root. */
import { loadNativeBinding } from '#lib/native/binding.js';

/**
 * Becomes another user, with nothing left of root. What is loaded later must be readable to all.
 */
export function becomeUser(id: number): void {
  loadNativeBinding();
  process.setgroups?.([]);
  process.setgid?.(id);
  process.setuid?.(id);
}
