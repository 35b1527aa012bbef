/** Tests the command `liteipc compare-source`: its input, output and exit status. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { HEADER, SOURCE, change, withoutFunction } from '#test/support/kernel-text.js';
import { commandLine } from '#test/support/paths.js';

const FOLDER = 'kernel/extended/liteipc';

interface Outcome {
  status: number;
  output: string;
  errors: string;
}

function run(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [commandLine, 'compare-source', ...args],
      { maxBuffer: 1 << 26 },
      (error, output, errors) => {
        const status = error === null ? 0 : Number(error.code ?? -1);
        resolve({ status, output, errors });
      },
    );
  });
}

let root = '';
test.before(() => {
  root = mkdtempSync(join(tmpdir(), 'liteipc-compare-'));
});
test.after.always(() => {
  rmSync(root, { recursive: true, force: true });
});

/** Creates a folder with the layout of the kernel's. */
function kernel(name: string, header = HEADER, source = SOURCE): string {
  const folder = join(root, name, FOLDER);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'hm_liteipc.h'), header);
  writeFileSync(join(folder, 'hm_liteipc.c'), source);
  return join(root, name);
}

test('an equal kernel source prints everything and exits with status 0', async (t) => {
  const { status, output, errors } = await run(kernel('faithful'));
  t.is(errors, '');
  t.is(status, 0);
  for (const title of ['Constants', 'Enumerators', 'Ioctl numbers', 'Structures', 'Functions']) {
    t.regex(output, new RegExp(`^${title}$`, 'm'));
  }
  t.regex(output, /^ {2}IPC_SEND_RECV_MSG\s+0xC0106904 \(ILP32\); 0xC0206904 \(LP64\)$/m);
  t.regex(output, /^ {2}CheckPara\s+kernel\/write\.c$/m);
  t.regex(output, /^ {2}CheckPara\s+EACCES EINVAL ETIME$/m);
  t.regex(output, /^category\s+compared\s+same\s+different\s+only there\s+only here$/m);
  t.regex(output, /^functions\s+49\s+49\s+0\s+0\s+0$/m);
  t.true(output.endsWith('\nno difference\n'));
});

test('a changed enumerator, field and function are named, with status 1', async (t) => {
  const header = change(
    change(HEADER, 'CMS_REMOVE_HANDLE, CMS_ADD_ACCESS', 'CMS_ADD_ACCESS, CMS_REMOVE_HANDLE'),
    'UINT32 handle; UINT32 token;',
    'UINT32 token; UINT32 handle;',
  );
  const path = kernel('changed', header, withoutFunction(SOURCE, 'CheckMsgSize'));
  const { status, output, errors } = await run('--differences', path);
  t.is(errors, '');
  t.is(status, 1);
  t.regex(output, /^! CMS_ADD_ACCESS\s+re-valued: 1 there, 2 here \(.*hm_liteipc\.h:\d+:\d+\)/m);
  t.regex(output, /^! SvcIdentity\.\w+\s+moved: /m);
  t.regex(output, /^- CheckMsgSize\s+only here: kernel\/write\.c/m);
  t.false(output.includes('LiteIpcIoctl'));
  t.true(output.endsWith('\n5 differences\n'));
});

test('the sources can be given as folders and as files', async (t) => {
  const path = kernel('paths');
  const header = join(path, FOLDER, 'hm_liteipc.h');
  const source = join(path, FOLDER, 'hm_liteipc.c');
  const ways = [
    [path],
    [join(path, 'kernel')],
    [join(path, FOLDER)],
    [header, source],
    [source, header],
    [header],
  ];
  for (const way of ways) {
    const { status, output, errors } = await run('--differences', ...way);
    t.is(errors, '');
    t.is(status, 0, way.join(' '));
    t.regex(output, /^no difference$/m);
  }
});

test('--json prints everything', async (t) => {
  const { status, output } = await run(
    '--json',
    kernel('json', change(HEADER, 'OBJ_SVC }', 'OBJ_SVC, OBJ_DMA }')),
  );
  t.is(status, 1);
  const data = JSON.parse(output) as {
    isSame: boolean;
    rows: { category: string; name: string; status: string; place?: { line: number } }[];
    table: { category: string; onlyThere: number }[];
  };
  t.false(data.isSame);
  const row = data.rows.find(({ name }) => name === 'OBJ_DMA');
  t.like(row, { category: 'enumerators', status: 'only there' });
  t.true((row?.place?.line ?? 0) > 1);
  t.is(data.table.find(({ category }) => category === 'enumerators')?.onlyThere, 1);
});

test('damage is reported with file, line and column, with status 1', async (t) => {
  const { status, output } = await run(kernel('damaged', HEADER, `${SOURCE}\nUINT32 Broken( {\n`));
  t.is(status, 1);
  const line = SOURCE.split('\n').length + 1;
  t.regex(output, new RegExp(`^! .*hm_liteipc\\.c:${line}:\\d+: not C: `, 'm'));
});

test('an unreadable path prints one line with the reason and exits with status 2', async (t) => {
  const empty = join(root, 'empty.h');
  writeFileSync(empty, ' \n');
  const binary = join(root, 'binary.h');
  writeFileSync(binary, Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0, 1]));
  const huge = join(root, 'huge.h');
  writeFileSync(huge, 'int a;\n'.repeat(1 << 20));
  const prose = join(root, 'prose.h');
  writeFileSync(prose, 'Dear reader, this is a letter about kernels.\n');
  const nothing = join(root, 'nothing');
  mkdirSync(nothing);
  const loop = join(root, 'loop.h');
  symlinkSync(loop, loop);
  const half = join(root, 'half');
  mkdirSync(half);
  writeFileSync(join(half, 'hm_liteipc.h'), HEADER);
  const lonely = join(root, 'lonely.c');
  writeFileSync(lonely, SOURCE);
  const cases: [args: string[], message: RegExp][] = [
    [[join(root, 'no-such-place')], /no-such-place cannot be read: it does not exist/],
    [[nothing], /nothing has no kernel\/extended\/liteipc\/hm_liteipc\.h/],
    [[half], /hm_liteipc\.c is missing\. To compare the header alone, give the path to it/],
    [[empty], /empty\.h is empty/],
    [[binary], /binary\.h is not C: it has binary data/],
    [[huge], /huge\.h cannot be read: it has more than 1 MiB/],
    [[prose], /prose\.h is not C/],
    [[loop], /loop\.h cannot be read/],
    [[lonely], /no header/],
    [[empty, binary], /more than one header/],
    [[`${root}/half/hm_liteipc.h/x`], /cannot be read: a part of the path is no folder/],
    [[empty, lonely, binary], /one folder is needed/],
    [[], /missing required argument/],
    [['--frobnicate', root], /unknown option/],
    [['/dev/null'], /it is no regular file/],
  ];
  for (const [args, message] of cases) {
    const { status, output, errors } = await run(...args);
    t.is(status, 2, `${args.join(' ')}: ${errors}`);
    t.is(output, '');
    t.regex(errors, message);
  }
});

test('a file without read permission is reported', async (t) => {
  const path = join(root, 'secret.h');
  writeFileSync(path, HEADER);
  chmodSync(path, 0);
  const { status, errors } = await run(path);
  if (process.getuid?.() === 0) t.is(status, 0);
  else {
    t.is(status, 2);
    t.regex(errors, /secret\.h cannot be read: it may not be read/);
  }
});

test('--help describes the command', async (t) => {
  const { status, output } = await run('--help');
  t.is(status, 0);
  t.regex(output, /Exit status: 0 no difference, 1 differences, 2 unusable input/);
});
