import { execFile } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build, parse } from 'plist';
import { freePort } from '../free-port.ts';
import { cachedNode, compileCache, installedOpenClaw, testEnvironment } from './openclaw-cache.ts';
import { cacheFolder, gatewayLabel, shortHash } from './places.ts';
import { type PlainBoot, startPlainly } from './plain-boot.ts';
import { endProcessesOfHome, until } from './processes.ts';
import { makeSupport } from './support-folder.ts';

const execFileAsync = promisify(execFile);

export const templateToken = 'real-test-token-0123456789abcdef';

/** A first boot migrates and unpacks: 12 to 33 s measured, more on a busy machine. */
const firstBootTimeoutMs = 180_000;
const installTimeoutMs = 60_000;

export type Config = { gateway: Record<string, unknown>; [key: string]: unknown };

/** A good config that keeps to itself: no update check, no announcement on the network. */
export const goodConfig = (port: number): Config => ({
  gateway: {
    mode: 'local',
    bind: 'loopback',
    port,
    auth: { mode: 'token', token: templateToken },
    controlUi: { enabled: false },
  },
  discovery: { mdns: { mode: 'off' } },
  update: { checkOnStart: false },
});

interface TemplateFacts {
  readonly home: string;
  readonly port: number;
}

/**
 * A HOME in which this version has booted once and stopped cleanly, with the LaunchAgent OpenClaw's own installer wrote.
 * Made once per version and recipe, then copied: a scenario need not wait for migrations.
 */
export async function warmedHome(version: string): Promise<string> {
  const recipe = shortHash(
    JSON.stringify([version, cachedNode(), goodConfig(0), readFileSync(import.meta.filename, 'utf8')]),
  );
  const template = join(cacheFolder(), `home-${version}-${recipe}`);
  if (existsSync(join(template, 'facts.json'))) return template;
  console.log(`preparing a warmed home for openclaw@${version}`);
  const prefix = await installedOpenClaw(version);
  const partial = `${template}.partial-${process.pid}`;
  rmSync(partial, { recursive: true, force: true });
  const home = join(partial, 'home');
  mkdirSync(join(home, '.openclaw'), { recursive: true, mode: 0o700 });
  const port = await freePort();
  writeConfig(home, goodConfig(port));
  const support = makeSupport(join(partial, 'support'));
  try {
    await execFileAsync(join(prefix, 'bin', 'openclaw'), ['gateway', 'install', '--force', '--json'], {
      env: {
        ...testEnvironment(home, support.bin),
        NODE_OPTIONS: `--require ${support.fakeMac}`,
      },
      cwd: home,
      timeout: installTimeoutMs,
    });
    appendFileSync(serviceEnvPath(home), exported(compileCache(prefix)));
    await bootOnce({ home, port, prefix, fakeMac: support.fakeMac, logFile: join(home, 'first-boot.log') });
  } finally {
    await endProcessesOfHome(partial);
  }
  const facts: TemplateFacts = { home, port };
  writeFileSync(join(partial, 'facts.json'), JSON.stringify(facts));
  keepFirst(partial, template);
  return template;
}

/** Another run may have made the same home meanwhile, and its scenarios may be copying it: then ours is the spare one. */
function keepFirst(partial: string, template: string): void {
  try {
    renameSync(partial, template);
  } catch (error) {
    if (!existsSync(join(template, 'facts.json'))) throw error;
    rmSync(partial, { recursive: true, force: true });
  }
}

async function bootOnce(boot: PlainBoot): Promise<void> {
  const gateway = startPlainly(boot);
  await until(
    `the first boot (see ${boot.logFile})`,
    async () => {
      const code = gateway.exitCode();
      if (code !== null) throw new Error(`the first boot ended with ${code}: see ${boot.logFile}`);
      const answer = await fetch(`http://127.0.0.1:${boot.port}/readyz`, {
        signal: AbortSignal.timeout(1_000),
      }).catch(() => null);
      return answer?.status === 200 ? true : null;
    },
    { timeoutMs: firstBootTimeoutMs },
  );
  await gateway.stop();
}

export function writeConfig(home: string, config: Config): void {
  writeFileSync(join(home, '.openclaw', 'openclaw.json'), `${JSON.stringify(config, null, 2)}\n`, {
    mode: 0o600,
  });
}

const serviceEnvPath = (home: string): string =>
  join(home, '.openclaw', 'service-env', `${gatewayLabel}.env`);

const exported = (variables: Readonly<Record<string, string>>): string =>
  Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value}'\n`)
    .join('');

/** Has the gateway and what is run in its environment use the compile cache of another copy of the package. */
export function moveCompileCache(home: string, from: string, to: string): void {
  const path = serviceEnvPath(home);
  const [before, after] = [exported(compileCache(from)), exported(compileCache(to))];
  writeFileSync(path, readFileSync(path, 'utf8').replace(before, after));
}

export const plistPath = (home: string): string =>
  join(home, 'Library', 'LaunchAgents', `${gatewayLabel}.plist`);

export type LaunchAgent = { ProgramArguments: string[]; [key: string]: unknown };

export const readPlist = (path: string): LaunchAgent =>
  parse(readFileSync(path, 'utf8')) as unknown as LaunchAgent;

export function writePlist(path: string, plist: LaunchAgent): void {
  writeFileSync(path, build(plist as unknown as Parameters<typeof build>[0]));
}

/**
 * Copies the warmed home to `home` and makes it that folder's own: paths and port in the plist, the service environment
 * and the config. (The database keeps the old paths as history; the gateway boots with them all the same.)
 */
export async function copyWarmedHome(version: string, home: string, port: number): Promise<void> {
  const template = await warmedHome(version);
  const facts = JSON.parse(readFileSync(join(template, 'facts.json'), 'utf8')) as TemplateFacts;
  cpSync(join(template, 'home'), home, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  const serviceEnv = join(home, '.openclaw', 'service-env');
  const texts = readdirSync(serviceEnv).map((name) => join(serviceEnv, name));
  for (const path of [plistPath(home), ...texts]) {
    const partial = `${path}.moved`;
    copyFileSync(path, partial);
    const text = readFileSync(path, 'utf8')
      .replaceAll(facts.home, home)
      .replaceAll(String(facts.port), String(port));
    // Written into the copy, so that the file keeps its mode.
    writeFileSync(partial, text);
    renameSync(partial, path);
  }
  writeConfig(home, goodConfig(port));
}
