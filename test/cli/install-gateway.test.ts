import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runInstall } from '../../src/cli/install/install.ts';
import { parseSettings } from '../../src/config/settings.ts';
import { buildPlist } from '../../src/system/launchd/plist.ts';
import { createWorld, type World } from './install-world.ts';

const label = 'ai.openclaw.gateway';
let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.stop());

const put = (path: string, text: string): string => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
};

/** A gateway as OpenClaw's own installer leaves it, as far as it is looked at. */
function installGateway(
  config = '{ gateway: { port: 18999, bind: "loopback", auth: { mode: "token", token: "s3cret-t0ken" } } }',
): void {
  const prefix = join(world.home, 'npm prefix');
  const root = join(prefix, 'lib', 'node_modules', 'openclaw');
  put(join(root, 'package.json'), '{ "name": "openclaw", "version": "2026.9.6" }');
  put(join(root, 'dist', 'index.js'), '');
  const node = put(join(prefix, 'bin', 'node'), '#!/bin/sh\n');
  chmodSync(node, 0o755);
  put(join(world.home, '.openclaw', 'openclaw.json'), config);
  put(
    join(world.paths.launchAgents, `${label}.plist`),
    buildPlist({
      label,
      programArguments: [node, join(root, 'dist', 'index.js'), 'gateway', '--port', '18999'],
      keepAlive: true,
    }),
  );
}

async function report(): Promise<string> {
  await runInstall({ dryRun: true, observe: false }, world.deps);
  return world.said.join('\n').split('Would do')[0] ?? '';
}

describe('the gateway that is found', () => {
  it('is named with config, port, bind, TLS, auth, package and launchd state, and never with its secret', async () => {
    installGateway();
    const said = await report();
    expect(said).toContain(`Gateway ${label}, OpenClaw 2026.9.6`);
    expect(said).toMatch(/port 18999 \(argument\), bind loopback, TLS off, auth token from /);
    expect(said).toContain(join(world.home, 'npm prefix', 'lib', 'node_modules', 'openclaw'));
    expect(said).toContain('The gateway is not loaded');
    expect(world.said.join('\n')).not.toContain('s3cret');
  });

  it('is recorded in the config with absolute paths', async () => {
    installGateway();
    await runInstall({ dryRun: false, observe: false }, world.deps);
    const text = readFileSync(world.paths.config, 'utf8');
    expect(text).not.toContain('s3cret');
    expect(parseSettings(text, 'x')).toMatchObject({
      kind: 'ok',
      settings: {
        gateway: {
          label,
          plist: join(world.paths.launchAgents, `${label}.plist`),
          configPath: join(world.home, '.openclaw', 'openclaw.json'),
          version: '2026.9.6',
          prefix: join(world.home, 'npm prefix'),
          host: null,
          port: null,
        },
      },
    });
  });
});

describe('a gateway that is missing or broken is named and no reason not to install', () => {
  it('nothing there at all', async () => {
    const said = await report();
    expect(said).toMatch(/problem {2}There is no readable LaunchAgent/);
    expect(said).toMatch(/problem {2}There is no config at/);
    expect(said).toMatch(/problem {2}The openclaw package was not found/);
  });

  it('a config that cannot be parsed, with the place of the mistake', async () => {
    installGateway('{ gateway: { port: 18999,, } }');
    expect(await report()).toMatch(/problem {2}.*openclaw\.json:1:\d+: /);
  });

  it('a disabled label', async () => {
    installGateway();
    await world.deps.run({
      file: world.fake.launchctl,
      args: ['disable', `gui/${world.deps.uid}/${label}`],
      timeoutMs: 20_000,
    });
    expect(await report()).toContain('The gateway is disabled and not loaded');
  });
});
