import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installFakeLaunchd } from '../fakes/launchd/fake.ts';
import { freePort } from '../free-port.ts';
import { type CommandResult, runCommand } from './commands.ts';
import {
  type Config,
  copyWarmedHome,
  goodConfig,
  type LaunchAgent,
  moveCompileCache,
  plistPath,
  readPlist,
  templateToken,
  writeConfig,
  writePlist,
} from './home-template.ts';
import { cachedNode, copyOfOpenClaw, installedOpenClaw, testEnvironment } from './openclaw-cache.ts';
import { checkout, gatewayLabel, newestVersion, runFolder } from './places.ts';
import { endProcessesOfHome, until } from './processes.ts';
import { makeSupport } from './support-folder.ts';

export interface GatewayOptions {
  readonly version?: string;
  readonly config?: (good: Config) => Config;
  readonly plist?: (rendered: LaunchAgent) => LaunchAgent;
  /** False leaves the job unloaded. */
  readonly start?: boolean;
  /**
   * A copy of the package of its own (see `copyOfOpenClaw`), for scenarios that damage it while it serves. `bytes`: no hard
   * links, so that nobody else's copy changes the times of its files, and files of it may be written into.
   */
  readonly ownPackage?: boolean | 'bytes';
}

export type GatewayHome = Awaited<ReturnType<typeof bootGateway>>;

/** On two busy cores a warm boot of 12 s can take several times that. */
export const bootTimeoutMs = 120_000;
const commandTimeoutMs = 60_000;
/** ps tells the start of a process in whole seconds, give or take one: what was written just before may be younger. */
export const clearlyOlderMs = 2_500;

/**
 * A private HOME with a real OpenClaw in it, loaded into a launchd double that really supervises. The gateway takes the
 * code paths of a Mac (see support/fake-mac.cjs), and `openclaw(...)` runs the real command line the same way.
 */
export async function bootGateway(options: GatewayOptions = {}) {
  const version = options.version ?? newestVersion;
  const shared = await installedOpenClaw(version);
  const root = mkdtempSync(join(runFolder(), 's-'));
  const { ownPackage = false } = options;
  let prefix =
    ownPackage === false
      ? shared
      : await copyOfOpenClaw(version, join(root, 'prefix'), ownPackage === 'bytes' ? 'bytes' : 'links');
  const home = join(root, 'home');
  const port = await freePort();
  await copyWarmedHome(version, home, port);
  moveCompileCache(home, shared, prefix);
  const config = options.config?.(goodConfig(port)) ?? goodConfig(port);
  writeConfig(home, config);

  const launchd = await installFakeLaunchd({ dir: join(root, 'launchd'), node: cachedNode(), home });
  const support = makeSupport(join(root, 'support'), [launchd.launchctl]);
  const plist = plistPath(home);
  // Only opened when a scenario asks (see inspector.ts): the usual 9229 is one for the whole machine.
  const inspectPort = await freePort();
  const rendered = preloaded(readPlist(plist), [
    '--require',
    support.fakeMac,
    `--inspect-port=127.0.0.1:${inspectPort}`,
  ]);
  const ours = { ...rendered, ProgramArguments: rendered.ProgramArguments.map(inPrefix(shared, prefix)) };
  writePlist(plist, options.plist?.(ours) ?? ours);
  mkdirSync(join(home, 'Library', 'Logs', 'openclaw'), { recursive: true, mode: 0o700 });

  const domain = `gui/${process.getuid?.() ?? 0}`;
  const target = `${domain}/${gatewayLabel}`;
  const env = testEnvironment(home, support.bin, join(prefix, 'bin'));

  const launchctl = (...args: readonly string[]): Promise<CommandResult> =>
    runCommand(launchd.launchctl, args, { env, cwd: home, timeoutMs: commandTimeoutMs });

  const pid = async (): Promise<number | null> => {
    const printed = await launchctl('print', target);
    const found = /^\tpid = (\d+)$/m.exec(printed.stdout);
    return printed.code === 0 && found !== null ? Number(found[1]) : null;
  };

  const url = `http://127.0.0.1:${port}`;
  const runs = async (): Promise<number> =>
    Number(/^\truns = (\d+)$/m.exec((await launchctl('print', target)).stdout)?.[1] ?? Number.NaN);
  const serves = async (): Promise<boolean> => {
    const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
    const body = await answer?.text().catch(() => null);
    return body === '{"ok":true,"status":"live"}';
  };

  const gateway = {
    version,
    prefix: () => prefix,
    root,
    home,
    port,
    url,
    config,
    configPath: join(home, '.openclaw', 'openclaw.json'),
    token: templateToken,
    inspectPort,
    label: gatewayLabel,
    domain,
    target,
    plist,
    /** First on PATH: `launchctl` and `plutil` doubles. */
    binDir: support.bin,
    env,
    launchd,
    launchctl,
    pid,
    /** How many processes this load of the job has had. */
    runs,
    serves,

    /** Moves the plist to another copy of this version (see `copyOfOpenClaw`), for scenarios that damage the package. */
    usePrefix(copy: string): void {
      const now = readPlist(plist);
      writePlist(plist, { ...now, ProgramArguments: now.ProgramArguments.map(inPrefix(prefix, copy)) });
      moveCompileCache(home, prefix, copy);
      prefix = copy;
    },

    /** From the next load on, every boot first stands still for this long, alive and without a listener. */
    slowBoots(milliseconds: number): void {
      const preload = join(root, 'support', 'slow-boot.cjs');
      copyFileSync(join(checkout, 'test/real/support/slow-boot.cjs'), preload);
      writeFileSync(join(root, 'support', 'slow-boot-ms'), String(milliseconds));
      const now = readPlist(plist);
      if (!now.ProgramArguments.includes(preload)) writePlist(plist, preloaded(now, ['--require', preload]));
    },

    async load(): Promise<void> {
      const loaded = await launchctl('bootstrap', domain, plist);
      if (loaded.code !== 0) throw new Error(`bootstrap failed: ${loaded.stderr}`);
      await launchctl('kickstart', target);
    },

    /** Waits until the job's own process serves; gives its pid. */
    waitServing(timeoutMs: number = bootTimeoutMs, notPid?: number): Promise<number> {
      return until(
        `the gateway to serve on ${port}`,
        async () => {
          if (!(await serves())) return null;
          const now = await pid();
          return now === notPid ? null : now;
        },
        { timeoutMs },
      );
    },

    /** Waits until /readyz agrees too: what follows is then no longer part of the boot. */
    waitReady(timeoutMs: number = bootTimeoutMs): Promise<true> {
      return until(
        'the gateway to be ready',
        async () => {
          const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(
            () => null,
          );
          return answer?.status === 200 ? true : null;
        },
        { timeoutMs },
      );
    },

    /** The real command line of this version, as a Mac's shell would run it. */
    openclaw(...args: readonly string[]): Promise<CommandResult> {
      return runCommand(join(prefix, 'bin', 'openclaw'), args, {
        env: { ...env, NODE_OPTIONS: `--require ${support.fakeMac}` },
        cwd: home,
        timeoutMs: commandTimeoutMs,
      });
    },

    log: (): string => readIfThere(join(home, 'Library', 'Logs', 'openclaw', 'gateway.log')),
    /** OpenClaw's own record of stops, restarts and parks. */
    audit: (): string => readIfThere(join(home, '.openclaw', 'logs', 'gateway-restart.log')),

    /** Ends the double and its jobs, then whatever else runs from this home; removes the folder. */
    async stop(): Promise<void> {
      await launchd.stop();
      const strays = await endProcessesOfHome(root);
      if (process.env['OPENCLAW_IMMUNE_TEST_KEEP'] !== undefined) {
        appendFileSync(join(root, 'strays.log'), strays.map((s) => `${s.pid} ${s.command}\n`).join(''));
      } else rmSync(root, { recursive: true, force: true });
    },
  };
  if (options.start !== false) {
    try {
      if (ownPackage === 'bytes') await sleep(clearlyOlderMs);
      await gateway.load();
      await gateway.waitServing();
    } catch (error) {
      await gateway.stop();
      throw error;
    }
  }
  return gateway;
}

/** The plist's command with more options behind Node, because the generated environment empties NODE_OPTIONS. */
function preloaded(plist: LaunchAgent, options: readonly string[]): LaunchAgent {
  const words = plist.ProgramArguments;
  const node = words.findIndex((word) => basename(word) === 'node' && basename(dirname(word)) === 'bin');
  if (node < 0) throw new Error(`no node in ProgramArguments: ${words.join(' ')}`);
  return { ...plist, ProgramArguments: words.toSpliced(node + 1, 0, ...options) };
}

const inPrefix =
  (from: string, to: string) =>
  (word: string): string =>
    word.replace(from, to);

const readIfThere = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
