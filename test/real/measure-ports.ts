// Which port the gateway takes when its command line, its environment and its config disagree.
//   node test/real/measure-ports.ts [VERSION]
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../free-port.ts';
import { runCommand } from './commands.ts';
import { copyWarmedHome, goodConfig, writeConfig } from './home-template.ts';
import { installedOpenClaw, testEnvironment } from './openclaw-cache.ts';
import { gatewayLabel, newestVersion, runFolder } from './places.ts';
import { startPlainly } from './plain-boot.ts';
import { endProcessesOfHome } from './processes.ts';
import { makeSupport } from './support-folder.ts';

const version = process.argv[2] ?? newestVersion;
const bootWithinMs = 90_000;

interface Asked {
  readonly argument: number | null;
  readonly environment: number | null;
  readonly config: number | null;
}

const [argument, environment, config] = [await freePort(), await freePort(), await freePort()];
const cases: readonly Asked[] = [
  { argument, environment, config },
  { argument: null, environment, config },
  { argument: null, environment: null, config },
  { argument, environment: null, config },
  { argument, environment, config: null },
];
console.log(`openclaw ${version}: argument ${argument}, environment ${environment}, config ${config}`);
for (const [index, asked] of cases.entries()) await measure(index, asked);

async function measure(index: number, asked: Asked): Promise<void> {
  const root = join(runFolder(), `port-${index}`);
  const home = join(root, 'home');
  mkdirSync(root, { recursive: true });
  await copyWarmedHome(version, home, argument);
  const { port: _, ...gateway } = goodConfig(0).gateway;
  writeConfig(home, {
    ...goodConfig(0),
    gateway: asked.config === null ? gateway : { ...gateway, port: asked.config },
  });
  const envFile = join(home, '.openclaw', 'service-env', `${gatewayLabel}.env`);
  const line = /^export OPENCLAW_GATEWAY_PORT=.*\n/m;
  const wanted = asked.environment === null ? '' : `export OPENCLAW_GATEWAY_PORT='${asked.environment}'\n`;
  writeFileSync(envFile, readFileSync(envFile, 'utf8').replace(line, wanted));
  const support = makeSupport(join(root, 'support'));
  const prefix = await installedOpenClaw(version);
  const boot = {
    home,
    port: asked.argument,
    prefix,
    fakeMac: support.fakeMac,
    logFile: join(root, 'gateway.log'),
  };
  const process = startPlainly(boot);
  const end = performance.now() + bootWithinMs;
  let listens: readonly string[] = [];
  while (listens.length === 0 && process.exitCode() === null && performance.now() < end) {
    await sleep(300);
    listens = listenersOf(process.pid);
  }
  const status = await runCommand(join(prefix, 'bin', 'openclaw'), ['gateway', 'status', '--json'], {
    env: { ...testEnvironment(home, support.bin), NODE_OPTIONS: `--require ${support.fakeMac}` },
    cwd: home,
    timeoutMs: 60_000,
  });
  const told = JSON.parse(status.stdout || '{}');
  console.log(
    `${JSON.stringify(asked)} -> listens ${listens.join(' ')}; gateway status: ${JSON.stringify(told.gateway)} rpc ${JSON.stringify(told.rpc)?.slice(0, 120)}`,
  );
  if (process.exitCode() === null) await process.stop();
  await endProcessesOfHome(root);
  rmSync(root, { recursive: true, force: true });
}

function listenersOf(pid: number): readonly string[] {
  const lines = execFileSync('ss', ['-Hltnp'], { encoding: 'utf8' }).split('\n');
  return lines.filter((text) => text.includes(`pid=${pid},`)).map((text) => text.split(/\s+/)[3] ?? '?');
}
