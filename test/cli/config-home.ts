import { mkdirSync, mkdtempSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type ChangeGround, openChangeGround } from '../../src/cli/change-ground.ts';
import { renderSettings } from '../../src/config/template.ts';
import { sightGateway } from '../../src/daemon/gateway-sight.ts';
import { openStore } from '../../src/daemon/open-store.ts';
import { assembleSnapshot } from '../../src/daemon/snapshot-content.ts';
import { run } from '../../src/system/run.ts';
import type { KeptStore } from '../../src/vault/snapshot-store.ts';
import { findTool } from '../demo/tools.ts';
import { installOpenclaw } from '../gateway/package-fixture.ts';
import { type TestContext, testContext } from './command-context.ts';

/**
 * Speaks as OpenClaw's validator does (facts: openclaw §3.5), and more loosely than it: what it refuses it quotes.
 * It knows the root keys gateway, agents, channels and env, and of the gateway mode, port, bind, auth and remote.
 */
const validator = `
const { readFileSync } = require('node:fs');
const path = process.env.OPENCLAW_CONFIG_PATH;
const config = JSON.parse(readFileSync(path, 'utf8').replace(/^ *\\/\\/.*$/gm, ''));
const issues = [];
const unknown = (at, value, known) => {
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    issues.push({ path: at, message: 'Unrecognized key: "' + key + '"' });
    issues.push({ path: at === '' ? key : at + '.' + key, message: 'cannot hold ' + JSON.stringify(value[key]) + (typeof value[key] === 'string' ? ' or \\'' + value[key] + '\\'' : '') });
  }
};
unknown('', config, ['$include', 'gateway', 'agents', 'channels', 'env']);
unknown('gateway', config.gateway ?? {}, ['mode', 'port', 'bind', 'auth', 'remote']);
const port = config.gateway?.port;
if (port !== undefined && typeof port !== 'number') issues.push({ path: 'gateway.port', message: 'expected number, received "' + port + '"' });
console.log(JSON.stringify({ valid: issues.length === 0, path, issues }));
process.exitCode = issues.length === 0 ? 0 : 1;
`;

export interface ConfigHome extends TestContext {
  readonly configPath: string;
  readonly ground: ChangeGround;
  readonly store: KeptStore;
  /** Writes a file beside the config, as old as an hour. */
  readonly write: (name: string, text: string) => void;
  /** Records what is there now; the id. */
  readonly record: () => Promise<string>;
  readonly assemble: () => ReturnType<typeof assembleSnapshot>;
}

/** An installation with a gateway that was never started: files only. */
export async function configHome(): Promise<ConfigHome> {
  const test = await testContext();
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'immune-config-home-')));
  const stateDir = join(home, '.openclaw');
  const configPath = join(stateDir, 'openclaw.json');
  const prefix = join(home, 'prefix');
  const packageRoot = join(prefix, 'lib', 'node_modules', 'openclaw');
  mkdirSync(stateDir, { mode: 0o700 });
  installOpenclaw(packageRoot);
  writeFileSync(
    join(packageRoot, 'openclaw.mjs'),
    `import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);\n${validator}`,
  );
  const { context } = test;
  mkdirSync(dirname(context.paths.config), { recursive: true });
  writeFileSync(
    context.paths.config,
    renderSettings({
      mode: 'act',
      serviceManager: 'embedded',
      gateway: {
        label: 'ai.openclaw.gateway',
        plist: join(home, 'gateway.plist'),
        stateDir,
        configPath,
        packageRoot,
        nodePath: process.execPath,
        profile: null,
        prefix,
        version: '2026.9.6',
        host: null,
        port: null,
      },
      tools: {
        launchctl: null,
        ps: findTool('ps') ?? '/bin/ps',
        lsof: null,
        netstat: null,
        git: findTool('git'),
        tar: findTool('tar'),
        tmutil: null,
      },
    }),
  );
  const write = (name: string, text: string): void => {
    const path = join(stateDir, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode: 0o600 });
    // Nobody is in the middle of editing it.
    const before = new Date(Date.now() - 3_600_000);
    utimesSync(path, before, before);
  };
  const ground = await openChangeGround(context, 'the test');
  const { clock, paths, uid } = context;
  const { settings } = ground;
  const store = openStore({ paths, settings, run, clock, processes: ground.shop.processes });
  const assemble = () =>
    assembleSnapshot({ settings, paths, sight: sightGateway(settings, uid), bootId: null, now: clock.now() });
  return {
    ...test,
    configPath,
    ground,
    store,
    write,
    assemble,
    record: async () => {
      const found = await assemble();
      if (found.kind !== 'assembled') throw new Error(found.because);
      const outcome = await store.record(found.content, { aside: found.aside });
      if (outcome.kind === 'failed') throw new Error(outcome.because);
      return outcome.id;
    },
    remove: async () => {
      ground.shop.log.close();
      rmSync(home, { recursive: true, force: true });
      await test.remove();
    },
  };
}
