/** Changes the user of a test process that was started by root. */
import { loadNativeBinding } from '#lib/native/binding.js';

/** Becomes another user without any right of root. Files that are loaded later must be readable. */
export function becomeUser(id: number): void {
  loadNativeBinding();
  process.setgroups?.([]);
  process.setgid?.(id);
  process.setuid?.(id);
}
