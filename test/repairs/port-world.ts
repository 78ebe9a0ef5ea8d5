import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { instant } from '../../src/core/time.ts';
import { proveOrphan } from '../../src/gateway/orphan-proof.ts';
import { type PortHands, termWaitMs } from '../../src/repairs/free-port.ts';
import { systemClock } from '../../src/system/clock.ts';
import { readListeners } from '../../src/system/listeners.ts';
import { createProcesses } from '../../src/system/process.ts';
import { run } from '../../src/system/run.ts';

const tool = (name: string): string | null =>
  ['/bin', '/usr/bin', '/usr/sbin'].map((each) => join(each, name)).find((path) => existsSync(path)) ?? null;

export const clock = systemClock();
export const processes = createProcesses({ ps: tool('ps') ?? '/bin/ps', run, clock });
export const listenerTools = { lsof: tool('lsof'), netstat: tool('netstat') };

const children: ChildProcess[] = [];
const folders: string[] = [];

export function removeWorld(): void {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

export interface Listening {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly port: number;
}

/** A process of its own that listens. */
export async function listening(
  how: {
    readonly host?: string;
    readonly port?: number;
    readonly deaf?: boolean;
    readonly gateway?: boolean;
  } = {},
): Promise<Listening> {
  const { host = '127.0.0.1', port = 0, deaf = false, gateway = false } = how;
  const script = [
    gateway ? "process.title = 'openclaw-gateway';" : '',
    deaf ? "process.on('SIGTERM', () => undefined);" : '',
    `require('net').createServer().listen({ host: ${JSON.stringify(host)}, port: ${port}, ipv6Only: ${host === '::1'} },`,
    'function () { console.log(this.address().port) });',
  ].join('');
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const text = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    child.once('exit', () => reject(new Error('it did not listen')));
  });
  if (child.pid === undefined) throw new Error('no pid');
  return { child, pid: child.pid, port: Number(text) };
}

export async function identityOf(pid: number) {
  const found = await processes.row(pid);
  if (found.kind !== 'row') throw new Error(`process ${pid} is ${found.kind}`);
  return { pid, startedAt: found.row.startedAt, uid: found.row.uid };
}

export const isRunning = ({ child }: Listening): boolean =>
  child.exitCode === null && child.signalCode === null;

/** A state directory whose lock names `pid`, as a gateway writes it right after its start. */
export function lockOf(pid: number, createdAt = new Date()) {
  const stateDir = mkdtempSync(join(tmpdir(), 'orphan-'));
  folders.push(stateDir);
  const lock = join(stateDir, 'gateway.state.lock');
  const text = JSON.stringify({ pid, createdAt: createdAt.toISOString(), stateDir, port: 1 });
  writeFileSync(lock, `${text}\n   \n`);
  return { stateDir, lock, lockFiles: [lock] };
}

/** The real hands, over the gateway that the lock of this state directory names. */
export function realHands(
  place: { readonly lockFiles: readonly string[]; readonly stateDir: string },
  more: Partial<PortHands> = {},
): PortHands {
  const uid = process.getuid?.() ?? 0;
  return {
    processes,
    listeners: (port) => readListeners(port, listenerTools),
    orphanProof: (pid) => proveOrphan(pid, { ...place, uid, servicePid: null, row: processes.row }),
    clock,
    signal: new AbortController().signal,
    termWaitMs,
    ...more,
  };
}

export const longAgo = instant(1_000_000);
