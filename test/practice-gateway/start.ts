import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const practiceGatewayPath = fileURLToPath(new URL('./practice-gateway.mjs', import.meta.url));

export interface PracticeGateway {
  readonly pid: number;
  readonly port: number;
  readonly stateDir: string;
  readonly configPath: string;
  readonly child: ChildProcess;
  /** Standing faults (see the README); taken over within 50 ms. */
  standing(settings: Readonly<Record<string, unknown>>): void;
  /** One fault, carried out once within 50 ms. */
  once(order: Readonly<Record<string, unknown>>): void;
  configure(gateway: Readonly<Record<string, unknown>>): void;
  /** Resolves with the exit code or signal. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** Ends it if it still runs and removes its folder. */
  cleanUp(): Promise<void>;
}

/** Longest a practice boot may take on a starved machine. */
const bootTimeoutMs = 15_000;

/** Starts a practice gateway on a port of its own and waits until it listens. */
export async function startPracticeGateway(
  gateway: Readonly<Record<string, unknown>> = {},
  more: { readonly standing?: Readonly<Record<string, unknown>>; readonly port?: number } = {},
): Promise<PracticeGateway> {
  const stateDir = mkdtempSync(join(tmpdir(), 'practice-gateway-'));
  const configPath = join(stateDir, 'openclaw.json');
  const write = (name: string, value: unknown): void => {
    // Renamed into place: the gateway polls, and must never read half a file.
    writeFileSync(join(stateDir, `${name}.new`), JSON.stringify(value));
    renameSync(join(stateDir, `${name}.new`), join(stateDir, name));
  };
  const configure = (settings: Readonly<Record<string, unknown>>): void =>
    write('openclaw.json', {
      gateway: { mode: 'local', auth: { mode: 'token', token: 'practice-token' }, ...settings },
    });
  mkdirSync(stateDir, { recursive: true });
  configure(gateway);
  if (more.standing !== undefined) write('practice.json', more.standing);
  const child = spawn(process.execPath, [practiceGatewayPath, 'gateway', '--port', String(more.port ?? 0)], {
    env: { PATH: process.env['PATH'] ?? '', HOME: stateDir, OPENCLAW_STATE_DIR: stateDir },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 1));
  });
  const cleanUp = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
    rmSync(stateDir, { recursive: true, force: true });
  };
  let output = '';
  const port = await new Promise<number>((resolve, reject) => {
    const failed = (why: string): void => reject(new Error(`practice gateway ${why}:\n${output}`));
    const late = setTimeout(() => failed('did not listen in time'), bootTimeoutMs);
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const found = /listening on (\d+)/.exec(output)?.[1];
      if (found === undefined) return;
      clearTimeout(late);
      resolve(Number(found));
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    void exited.then((code) => failed(`ended with ${code}`));
  });
  return {
    pid: child.pid ?? 0,
    port,
    stateDir,
    configPath,
    child,
    standing: (settings) => write('practice.json', settings),
    once: (order) => write('practice-do.json', order),
    configure,
    exited,
    cleanUp,
  };
}
