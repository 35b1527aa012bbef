// npm runs a script named prebuild before every `npm run build`, and shows neither of the two a
// difference in the environment. npm's process title, which says what was asked for, does.
import { readFileSync } from 'node:fs';

function parentOf(pid) {
  // The command name (field 2) may contain spaces and parentheses; the parent's id is field 4.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(')').at(-1).trim().split(' ');
  return Number(fields[1]);
}

/** True if the nearest npm above this process was asked to run `script` itself. */
export function wasStartedAsHookOf(script) {
  if (process.env.npm_lifecycle_event !== `pre${script}`) return false;
  try {
    for (let pid = process.ppid; pid > 1; pid = parentOf(pid)) {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split(/[\0 ]+/);
      const at = words.findIndex((word) => word === 'run' || word === 'run-script');
      if (at !== -1) return words.slice(at + 1).includes(script);
    }
  } catch {
    // The ancestor is gone or another user's: then do what the name says.
  }
  return false;
}
