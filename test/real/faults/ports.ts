import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { freePort } from '../../free-port.ts';
import type { GatewayHome } from '../gateway-home.ts';
import { cachedNode } from '../openclaw-cache.ts';
import { checkout, newestVersion } from '../places.ts';
import { startPlainly } from '../plain-boot.ts';
import { isAlive, signal, until } from '../processes.ts';
import { type Fault, runningPid, type Undo } from './fault.ts';

// Somebody else on the port, or a gateway that launchd did not start.

const squatTimeoutMs = 30_000;
const endTimeoutMs = 10_000;

interface Taking {
  readonly host: string;
  readonly kind: 'tcp' | 'http';
  /** The name ps and lsof show of the port's holder. */
  readonly program?: string;
}

type Squat = Taking & Omit<Fault, 'inject'>;

/** Kills the gateway and has a stranger take its port before launchd can start the next one. */
export async function takePort(gateway: GatewayHome, { host, kind, program }: Taking): Promise<Undo> {
  const pid = await runningPid(gateway);
  const script = join(checkout, 'test/real/faults/squatter.mjs');
  const child = spawn(cachedNode(), [script, host, String(gateway.port), kind, program ?? 'squatter'], {
    cwd: gateway.home,
    env: { HOME: gateway.home },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let listening = false;
  child.stdout.once('data', () => {
    listening = true;
  });
  signal(pid, 'SIGKILL');
  await until(`a stranger on ${gateway.port}`, () => (listening ? true : null), {
    timeoutMs: squatTimeoutMs,
  });
  return () => end(child.pid);
}

const squat = ({ host, kind, program, ...told }: Squat): Fault => ({
  ...told,
  inject: (gateway) => takePort(gateway, program === undefined ? { host, kind } : { host, kind, program }),
});

async function end(pid: number | undefined): Promise<void> {
  if (pid === undefined) return;
  signal(pid, 'SIGKILL');
  await until(`process ${pid} to end`, () => (isAlive(pid) ? null : true), { timeoutMs: endTimeoutMs });
}

/** A gateway of the same home that somebody started in a terminal; then launchd's job is loaded beside it. */
export async function besideAnother(gateway: GatewayHome, port: number): Promise<Undo> {
  const pid = await runningPid(gateway);
  await gateway.launchctl('bootout', gateway.target);
  await until('the job to end', () => (isAlive(pid) ? null : true), { timeoutMs: squatTimeoutMs });
  // launchd keeps the label for a moment after the process; a bootstrap in that moment fails with 5.
  await until(
    'the label to be free',
    async () => ((await gateway.launchctl('print', gateway.target)).code === 0 ? null : true),
    { timeoutMs: squatTimeoutMs },
  );
  const other = startPlainly({
    home: gateway.home,
    port,
    prefix: gateway.prefix(),
    fakeMac: join(gateway.root, 'support', 'fake-mac.cjs'),
    logFile: join(gateway.root, 'other.log'),
  });
  await until(
    'the other gateway to serve',
    async () => {
      if (other.exitCode() !== null) throw new Error(`the other gateway ended with ${other.exitCode()}`);
      const url = `http://127.0.0.1:${port}/healthz`;
      const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
      return answer?.status === 200 ? true : null;
    },
    { timeoutMs: 120_000 },
  );
  // OpenClaw's own helper of an earlier park may have loaded it meanwhile; launchd calls that an input/output error.
  if ((await gateway.launchctl('print', gateway.target)).code !== 0) await gateway.load();
  return () => end(other.pid);
}

export const ports: readonly Fault[] = [
  squat({
    name: 'the port taken by a program that only listens',
    causes: ['port-foreign'],
    ends: ['alert'],
    host: '127.0.0.1',
    kind: 'tcp',
  }),
  squat({
    name: 'the port taken by a web server',
    causes: ['port-foreign'],
    ends: ['alert'],
    host: '127.0.0.1',
    kind: 'http',
  }),
  squat({
    name: 'the port taken by Tailscale',
    causes: ['port-foreign'],
    ends: ['alert'],
    host: '127.0.0.1',
    kind: 'tcp',
    program: 'tailscaled',
    says: /Tailscale/i,
  }),
  squat({
    name: 'only the IPv6 side of the port taken',
    // The gateway serves on 127.0.0.1 alone.
    causes: ['crashed'],
    ends: ['nothing'],
    heals: true,
    host: '::1',
    kind: 'tcp',
  }),
  {
    name: 'an orphan gateway of the same home on the port',
    causes: ['port-orphan'],
    // While it serves that is told, and nobody is ended. It has no terminal: should it fall silent, it would be.
    unseen: true,
    ends: ['tell', 'end-orphan'],
    // Older versions end the other one by themselves.
    versions: [newestVersion],
    inject: (gateway) => besideAnother(gateway, gateway.port),
  },
  {
    name: 'a second gateway of the same home on another port',
    causes: ['two-gateways'],
    unseen: true,
    ends: ['alert'],
    versions: [newestVersion],
    inject: async (gateway) => besideAnother(gateway, await freePort()),
  },
];
