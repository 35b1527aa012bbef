// Detects whether npm runs a script as a hook. npm runs a script named prebuild before every `npm
// run build`, with the same environment as for `npm run prebuild`. The title of the npm process
// shows which script was requested.
import { readFileSync } from 'node:fs';

function parentOf(pid) {
  // The command name (field 2) may contain spaces and parentheses; the parent's ID is field 4.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(')').at(-1).trim().split(' ');
  return Number(fields[1]);
}

/** Returns whether npm runs this script as a hook: it was asked to run `script`. */
export function wasStartedAsHookOf(script) {
  if (process.env.npm_lifecycle_event !== `pre${script}`) return false;
  try {
    for (let pid = process.ppid; pid > 1; pid = parentOf(pid)) {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split(/[\0 ]+/);
      const at = words.findIndex((word) => word === 'run' || word === 'run-script');
      if (at !== -1) return words.slice(at + 1).includes(script);
    }
  } catch {
    // The ancestor has ended or belongs to another user; the name of the script decides.
  }
  return false;
}
