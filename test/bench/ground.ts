import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderSettings } from '../../src/config/template.ts';
import { buildPlist } from '../../src/system/launchd/plist.ts';
import { findTool } from '../demo/tools.ts';
import { installFakeLaunchd } from '../fakes/launchd/fake.ts';
import { freePort } from '../free-port.ts';
import { runCommand } from '../real/commands.ts';
import { until } from '../real/processes.ts';

/** A gateway under the launchctl double, and all the watchdog has to be told of it. */
export interface Ground {
  readonly name: string;
  /** A folder of our own, gone afterwards. */
  readonly root: string;
  readonly home: string;
  readonly port: number;
  readonly token: string;
  /** The built bundle, copied to where nothing else is installed. */
  readonly bundle: string;
  /** config.json5 of the watchdog: every policy duration is the default. */
  readonly settings: string;
  readonly launchctl: string;
  pid(): Promise<number | null>;
  serves(): Promise<boolean>;
  /** Child processes the watchdog started so far: calls of the double, and of lsof, ps and netstat. */
  children(): { readonly launchctl: number; readonly tools: number };
  close(): Promise<void>;
}

export interface GatewayPlace {
  readonly label: string;
  readonly plist: string;
  readonly stateDir: string;
}

export const label = 'ai.openclaw.gateway';
const token = 'token-of-the-bench';
const practiceGateway = fileURLToPath(new URL('../practice-gateway/practice-gateway.mjs', import.meta.url));
const builtBundle = fileURLToPath(new URL('../../dist/immune.mjs', import.meta.url));
const bootTimeoutMs = 30_000;

/** The practice gateway, loaded into a launchctl double that really supervises it. */
export async function practiceGround(): Promise<Ground> {
  const root = mkdtempSync(join(realpathSync(tmpdir()), 'openclaw-immune-bench-'));
  const home = join(root, 'home');
  const stateDir = join(home, '.openclaw');
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const port = await freePort();
  const gateway = { mode: 'local', bind: 'loopback', port, auth: { mode: 'token', token } };
  writeFileSync(join(stateDir, 'openclaw.json'), JSON.stringify({ gateway }), { mode: 0o600 });
  const plist = join(root, `${label}.plist`);
  writeFileSync(
    plist,
    buildPlist({
      label,
      programArguments: [process.execPath, practiceGateway, 'gateway', '--port', String(port)],
      runAtLoad: true,
      keepAlive: true,
      throttleInterval: 1,
      exitTimeOut: 20,
      workingDirectory: stateDir,
      environmentVariables: { HOME: home, OPENCLAW_SERVICE_MARKER: 'openclaw' },
      standardOutPath: join(root, 'gateway.log'),
      standardErrorPath: join(root, 'gateway.log'),
    }),
  );
  const launchd = await installFakeLaunchd({ dir: join(root, 'launchd'), home });
  const ground = makeGround({
    name: 'practice gateway',
    root,
    home,
    port,
    token,
    launchd,
    place: { label, plist, stateDir },
    close: async () => {
      await launchd.stop();
      rmSync(root, { recursive: true, force: true, maxRetries: 5 });
    },
  });
  const domain = `gui/${launchd.uid}`;
  const loaded = await runCommand(launchd.launchctl, ['bootstrap', domain, plist], {
    env: {},
    cwd: root,
    timeoutMs: bootTimeoutMs,
  });
  if (loaded.code !== 0) throw new Error(`the double does not load the gateway: ${loaded.stderr}`);
  await waitServing(ground);
  return ground;
}

/** What both kinds of ground share; the real gateway brings its own home, double and end. */
export function makeGround(from: {
  readonly name: string;
  readonly root: string;
  readonly home: string;
  readonly port: number;
  readonly token: string;
  readonly launchd: Awaited<ReturnType<typeof installFakeLaunchd>>;
  readonly place: GatewayPlace;
  readonly close: () => Promise<void>;
}): Ground {
  const { root, home, port, launchd, place } = from;
  const bundle = join(root, 'bundle', 'immune.mjs');
  mkdirSync(join(root, 'bundle'), { recursive: true });
  copyFileSync(builtBundle, bundle);
  const counts = join(root, 'tool-calls');
  writeFileSync(counts, '');
  return {
    name: from.name,
    root,
    home,
    port,
    token: from.token,
    bundle,
    launchctl: launchd.launchctl,
    settings: renderSettings({
      mode: 'act',
      serviceManager: 'launchd',
      gateway: {
        ...place,
        configPath: join(place.stateDir, 'openclaw.json'),
        packageRoot: null,
        nodePath: null,
        profile: null,
        prefix: null,
        version: null,
        host: null,
        port: null,
      },
      tools: {
        launchctl: launchd.launchctl,
        ps: counted('ps', root, counts) ?? '/bin/ps',
        lsof: counted('lsof', root, counts),
        netstat: counted('netstat', root, counts),
        git: findTool('git'),
        tar: findTool('tar'),
        tmutil: null,
      },
    }),
    pid: async () => {
      const printed = await runCommand(launchd.launchctl, ['print', `gui/${launchd.uid}/${place.label}`], {
        env: {},
        cwd: root,
        timeoutMs: bootTimeoutMs,
      });
      const found = /^\tpid = (\d+)$/m.exec(printed.stdout)?.[1];
      return printed.code === 0 && found !== undefined ? Number(found) : null;
    },
    serves: async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`, {
        signal: AbortSignal.timeout(2_000),
      }).catch(() => null);
      return (await answer?.text().catch(() => null)) === '{"ok":true,"status":"live"}';
    },
    children: () => ({ launchctl: launchd.calls().length, tools: linesOf(counts) }),
    close: from.close,
  };
}

/** A tool behind two lines of shell that count its calls; null where the machine has no such tool. */
function counted(name: string, root: string, counts: string): string | null {
  const tool = findTool(name);
  if (tool === null) return null;
  const path = join(root, name);
  writeFileSync(path, `#!/bin/sh\necho ${name} >> '${counts}'\nexec '${tool}' "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

const linesOf = (path: string): number => readFileSync(path, 'utf8').split('\n').length - 1;

/** Until it serves and calls itself ready: just after its first answer it still refuses every login. */
export function waitServing(ground: Ground, timeoutMs: number = bootTimeoutMs): Promise<true> {
  const ready = async (): Promise<boolean> => {
    const url = `http://127.0.0.1:${ground.port}/readyz`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
    return answer?.status === 200;
  };
  return until(
    `the ${ground.name} to be ready`,
    async () => ((await ground.serves()) && (await ready()) ? true : null),
    { timeoutMs, everyMs: 100 },
  );
}
