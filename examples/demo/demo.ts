/**
 * Runs the demo: real processes call each other through LiteIPC. One is refused, and one continues
 * to call while its service is killed and restarted. The demo ends with status 0 and the line
 * `demo: ok` only if all results are as expected.
 *
 * Usage: demo.js [FILE...]    text files to examine; by default this project's own sources
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import type { FileReport } from './contract.js';
import { DemoProcess } from './processes.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const SHOWN_FILES = 5;
/** Time without a service, ms. */
const PAUSE_MS = 200;

const processes: DemoProcess[] = [];
const ourReports = new Map<string, FileReport>();

function start(name: string): DemoProcess {
  const made = new DemoProcess(name);
  processes.push(made);
  return made;
}

function check(condition: boolean, text: string): asserts condition {
  if (!condition) throw new Error(text);
}

function title(text: string): void {
  console.log(`\n${styleText('bold', text)}`);
}

function line(text: string): void {
  console.log(`  ${text}`);
}

function ownSources(): string[] {
  const folders = ['lib', 'native', 'examples'].map((name) => join(root, name)).filter(existsSync);
  return folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|c|h|cc)$/.test(name))
      .map((name) => join(folder, name)),
  );
}

function chooseFiles(): string[] {
  const named = process.argv.slice(2);
  for (const name of named) {
    check(statSync(name, { throwIfNoEntry: false })?.isFile() === true, `${name} is not a file`);
  }
  return named.length > 0 ? named : ownSources();
}

/** Computes the report that the service must return. */
function expected(name: string): FileReport {
  const content = readFileSync(name);
  const lines = content.reduce((count, byte) => (byte === 0x0a ? count + 1 : count), 0);
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { name, bytes: content.length, lines, sha256 };
}

function showFiles(files: readonly FileReport[]): void {
  const largest = [...files].sort((a, b) => b.lines - a.lines).slice(0, SHOWN_FILES);
  for (const { name, lines, bytes, sha256 } of largest) {
    const shown = relative(process.cwd(), name);
    line(
      `${String(lines).padStart(7)} lines ${String(bytes).padStart(9)} bytes  ` +
        `${sha256.slice(0, 12)}  ${shown.startsWith('..') ? name : shown}`,
    );
  }
  if (files.length > SHOWN_FILES) line(`        ... and ${files.length - SHOWN_FILES} more`);
}

async function readFiles(reader: DemoProcess, domain: string, files: string[]): Promise<void> {
  title('An admitted client sends files to the service');
  const startTime = performance.now();
  reader.order({ type: 'read', domain, files });
  const { files: found, calls } = await reader.report('files');
  const seconds = (performance.now() - startTime) / 1000;
  check(found.length === files.length, 'the service did not report every file');
  for (const report of found) {
    const ours = ourReports.get(report.name);
    const right =
      report.sha256 === ours?.sha256 && report.lines === ours.lines && report.bytes === ours.bytes;
    check(right, `wrong report for ${report.name}`);
  }
  showFiles(found);
  const lines = found.reduce((sum, report) => sum + report.lines, 0);
  line(
    `${found.length} files, ${lines} lines in ${calls} calls and ${seconds.toFixed(2)} s; all checked`,
  );
}

async function refuseStranger(stranger: DemoProcess, domain: string): Promise<void> {
  title('A client that no rule names is refused');
  stranger.order({ type: 'call', domain });
  const { code, text } = await stranger.report('refused');
  check(code === 'EACCES', `refused with ${code} instead of EACCES: ${text}`);
  line(text);
}

async function compareSpeed(reader: DemoProcess): Promise<void> {
  title('The same small call, through LiteIPC and through process.send');
  reader.order({ type: 'measure' });
  const { liteipc, processSend } = await reader.report('speed');
  const row = (name: string, speed: typeof liteipc): void => {
    const trip = `${speed.roundTripUs.toFixed(1)} us`.padStart(11);
    const rate = `${Math.round(speed.perSecond).toLocaleString('en-US')} calls/s`.padStart(18);
    line(`${name.padEnd(14)}${trip} median round trip${rate} with 64 in flight`);
  };
  row('LiteIPC', liteipc);
  row('process.send', processSend);
  const trips = (processSend.roundTripUs / liteipc.roundTripUs).toFixed(1);
  const rates = (liteipc.perSecond / processSend.perSecond).toFixed(1);
  line(`LiteIPC is ${trips} times as fast, and carries ${rates} times as many calls`);
}

async function replaceService(
  caller: DemoProcess,
  service: DemoProcess,
  domain: string,
): Promise<DemoProcess> {
  title('The service is killed while a client keeps calling');
  caller.order({ type: 'call', domain });
  await caller.report('ready');
  line(`kill -9 ${service.pid} (the service)`);
  await service.kill();
  await sleep(PAUSE_MS);
  const next = start('service');
  next.order({ type: 'serve', domain });
  await next.report('ready');
  line(`the service runs again as process ${next.pid}`);
  await caller.report('ready');
  caller.order({ type: 'stop' });
  const { answered, failed, gapMs } = await caller.report('calls');
  const codes = Object.keys(failed).sort();
  check(codes.length > 0, 'no call failed although the service was killed');
  check(
    codes.every((code) => code === 'EPIPE' || code === 'ENOENT'),
    `calls failed with ${codes.join(', ')}`,
  );
  const failures = codes.map((code) => `${failed[code] ?? 0} with ${code}`).join(' and ');
  line(`${answered} calls answered; without a service, ${failures}`);
  line(`the same client object received its next answer after ${gapMs.toFixed(0)} ms`);
  return next;
}

async function run(): Promise<void> {
  const files = chooseFiles();
  for (const name of files) ourReports.set(name, expected(name));
  const domain = `demo-${process.pid}`;

  title('Processes');
  const [manager, firstService] = [start('manager'), start('service')];
  const [reader, caller, stranger] = [start('reader'), start('caller'), start('stranger')];
  manager.order({ type: 'manage', domain, admitted: [reader.pid, caller.pid] });
  const { text: socket } = await manager.report('ready');
  firstService.order({ type: 'serve', domain });
  await firstService.report('ready');
  line(`${String(manager.pid).padEnd(8)}manager of domain ${domain}, socket ${socket}`);
  line(`${String(firstService.pid).padEnd(8)}service "text-files"`);
  line(`${reader.pid}, ${caller.pid}  clients, admitted by their pids`);
  line(`${String(stranger.pid).padEnd(8)}client that no rule names`);

  await readFiles(reader, domain, files);
  await refuseStranger(stranger, domain);
  await compareSpeed(reader);
  const service = await replaceService(caller, firstService, domain);

  await caller.ended();
  for (const one of [reader, stranger, service, manager]) await one.stop();
  check(!existsSync(socket), `the socket ${socket} was left behind`);
}

try {
  await run();
  console.log('\ndemo: ok');
} catch (error) {
  for (const one of processes) one.destroy();
  console.error(`\ndemo: failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
