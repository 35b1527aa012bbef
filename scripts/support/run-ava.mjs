// Runs AVA on compiled test files, and reports its TAP output.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { packageBin, root } from './run.mjs';

/** Returns the compiled file of a test file: out/test/x.test.js of test/x.test.ts. */
const compiled = (file) => `out/${file.replace(/\.ts$/, '.js')}`;

/** Returns a function that finds the file and the title in a title that AVA reports. */
function titleParser(files) {
  if (files.length === 1) return (title) => ({ file: files[0], title });
  const names = files.map((file) => file.replace(/\.test\.ts$/, '').split('/'));
  // AVA leaves out the folders that all files have in common.
  const [first] = names;
  const isCommon = (part, index) => names.every((name) => name[index] === part);
  const differing = first.slice(0, -1).findIndex((part, index) => !isCommon(part, index));
  const common = differing === -1 ? first.length - 1 : differing;
  const fileOf = new Map(
    names.map((name, index) => [name.slice(common).join(' › '), files[index]]),
  );
  return (title) => {
    const parts = title.split(' › ');
    for (let count = 1; count < parts.length; count++) {
      const file = fileOf.get(parts.slice(0, count).join(' › '));
      if (file !== undefined) return { file, title: parts.slice(count).join(' › ') };
    }
    // A file that ended early has its path in the title.
    const [path] = /out\/test\/\S+?\.test\.js/.exec(title) ?? [];
    return { file: files.find((file) => compiled(file) === path), title };
  };
}

function rerun({ file, title }) {
  if (file === undefined) return undefined;
  // An asterisk matches anything, also what a shell or AVA's patterns treat specially.
  const pattern = title.replaceAll(/['!\\]/g, '*');
  const isTest = !title.includes('out/test/');
  return `npm test -- ${file}${isTest ? ` --match '${pattern}'` : ''}`;
}

/** Runs the files, so many at a time, and adds their results to the report. */
export async function runAva(report, files, { environment, concurrency, options = [] }) {
  if (files.length === 0) return;
  const parse = titleParser(files);
  const child = spawn(
    process.execPath,
    [
      ...[packageBin('ava', 'entrypoints/cli.mjs'), '--tap', '--concurrency', String(concurrency)],
      ...[...options, ...files.map(compiled)],
    ],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, FORCE_COLOR: '0', ...environment },
    },
  );
  const closed = new Promise((resolve) => child.on('close', resolve));
  child.stderr.on('data', (data) => report.log(data.toString()));
  const failuresBefore = report.failures.length;
  let failure;
  const endFailure = () => {
    if (failure === undefined) return;
    const { result, details } = failure;
    failure = undefined;
    const title = result.file === undefined ? result.title : `${result.file}: ${result.title}`;
    report.fail(title, rerun(result), details.join('\n'));
  };
  for await (const line of createInterface({ input: child.stdout })) {
    report.log(line);
    const [, not, described] = /^(not )?ok \d+ - (.*)$/.exec(line) ?? [];
    if (described === undefined) {
      if (!/^#|^1\.\.\d/.test(line)) failure?.details.push(line);
      continue;
    }
    endFailure();
    const [, full, directive] = /^(.*?)(?: # (SKIP|TODO))?$/.exec(described);
    const result = parse(full);
    if (result.file !== undefined) report.begin(result.file);
    if (directive === 'SKIP') {
      const [, title, reason] = /^(.*) \[(needs .*)\]$/.exec(result.title) ?? [];
      report.skip(title ?? result.title, result.file, reason ?? 'no reason given');
    } else if (not !== undefined || directive !== undefined) failure = { result, details: [] };
    else report.pass();
  }
  endFailure();
  const status = await closed;
  // AVA itself may end early.
  if (status !== 0 && report.failures.length === failuresBefore) {
    report.fail(`AVA ended with status ${status}`, undefined);
  }
}
