import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readGatewayEnvironment } from '../../src/gateway/environment.ts';
import { findInstallation } from '../../src/gateway/installation.ts';
import { readLock } from '../../src/gateway/lock-file.ts';
import { gatewayFiles } from '../../src/gateway/places.ts';
import { buildPlist, parsePlist } from '../../src/system/launchd/plist.ts';
import { startPracticeGateway } from '../practice-gateway/start.ts';

let home: string;
let agents: string;
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'installation-')));
  agents = join(home, 'Library', 'LaunchAgents');
  mkdirSync(agents, { recursive: true });
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const find = (more: Partial<Parameters<typeof findInstallation>[0]> = {}) =>
  findInstallation({ home, env: { PATH: '' }, launchAgentsDir: agents, parsePlist, ...more });
const codes = (result: ReturnType<typeof find>): string[] => result.problems.map(({ code }) => code).sort();

function script(path: string): string {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, '#!/bin/sh\n');
  chmodSync(path, 0o755);
  return path;
}

function installPackage(prefix: string): string {
  const root = join(prefix, 'lib', 'node_modules', 'openclaw');
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{"name":"openclaw","version":"2026.9.6"}');
  writeFileSync(join(root, 'dist', 'index.js'), '');
  script(join(root, 'openclaw.mjs'));
  mkdirSync(join(prefix, 'bin'), { recursive: true });
  symlinkSync(join(root, 'openclaw.mjs'), join(prefix, 'bin', 'openclaw'));
  return root;
}

function plist(label: string, programArguments: readonly string[]): void {
  const job = {
    label,
    programArguments,
    standardOutPath: join(home, 'gateway.log'),
    standardErrorPath: '/dev/null',
  };
  writeFileSync(join(agents, `${label}.plist`), buildPlist(job));
}

/** The LaunchAgent 2026.9.6 renders: shell, wrapper, environment file, Node, entry. */
function installService(label: string, stateDir: string, env: string): { node: string; root: string } {
  const node = script(join(home, 'node', 'bin', 'node'));
  const root = installPackage(join(home, 'prefix'));
  const envFile = join(stateDir, 'service-env', `${label}.env`);
  mkdirSync(join(stateDir, 'service-env'), { recursive: true });
  writeFileSync(envFile, `# header\n${env}`);
  writeFileSync(join(stateDir, 'openclaw.json'), '{}');
  const wrapper = envFile.replace(/\.env$/, '-env-wrapper.sh');
  const entry = join(root, 'dist', 'index.js');
  plist(label, [
    '/bin/sh',
    wrapper,
    envFile,
    node,
    '--max-old-space-size=8192',
    entry,
    'gateway',
    '--port',
    '4321',
  ]);
  return { node, root };
}

test('a gateway as 2026.9.6 installs it is found whole', () => {
  const stateDir = join(home, '.openclaw');
  const { node, root } = installService(
    'ai.openclaw.gateway',
    stateDir,
    "export OPENCLAW_GATEWAY_PORT='4321'\n",
  );
  const found = find();
  expect(found.problems).toEqual([]);
  expect(found.installation).toEqual({
    label: 'ai.openclaw.gateway',
    plist: join(agents, 'ai.openclaw.gateway.plist'),
    profile: null,
    stateDir,
    configPath: join(stateDir, 'openclaw.json'),
    packageRoot: root,
    prefix: join(home, 'prefix'),
    version: '2026.9.6',
    nodePath: node,
    wrapper: null,
    serviceLogs: [join(home, 'gateway.log')],
  });
  const readers = { readText: () => null, parsePlist };
  expect(readGatewayEnvironment(found.installation, readers)).toEqual({
    env: {},
    programArguments: [],
    job: null,
  });
});

test('a profile is found by its label, and its config by the service’s environment', () => {
  const stateDir = join(home, '.openclaw-work');
  const config = join(home, 'elsewhere.json');
  installService('ai.openclaw.work', stateDir, `export OPENCLAW_CONFIG_PATH='${config}'\n`);
  const found = find();
  expect(found.installation).toMatchObject({
    label: 'ai.openclaw.work',
    profile: 'work',
    stateDir,
    configPath: config,
  });
  expect(codes(found)).toEqual(['config-missing']);
});

test('of several gateways the default one is chosen and the others are told; a name decides', () => {
  installService('ai.openclaw.gateway', join(home, '.openclaw'), '');
  plist('ai.openclaw.work', ['/x/node', '/x/openclaw/dist/index.js', 'gateway']);
  plist('ai.openclaw.node', ['/x/node', '/x/openclaw/dist/index.js', 'node']);
  expect(find().installation.label).toBe('ai.openclaw.gateway');
  expect(codes(find())).toEqual(['several-gateways']);
  expect(find({ env: { OPENCLAW_PROFILE: 'work' } }).installation.label).toBe('ai.openclaw.work');
  expect(find({ given: { label: 'ai.openclaw.work' } }).installation.label).toBe('ai.openclaw.work');
});

test('a half broken installation names each part that is missing', () => {
  installService('ai.openclaw.gateway', join(home, '.openclaw'), '');
  rmSync(join(home, 'prefix', 'lib', 'node_modules', 'openclaw', 'package.json'));
  rmSync(join(home, 'node'), { recursive: true });
  rmSync(join(home, '.openclaw'), { recursive: true });
  const found = find();
  expect(codes(found)).toEqual(['config-missing', 'env-file-missing', 'node-missing', 'package-damaged']);
  expect(found.installation).toMatchObject({ stateDir: join(home, '.openclaw'), version: null });
});

test('a broken plist is named, and the rest is worked out without it', () => {
  writeFileSync(join(agents, 'ai.openclaw.gateway.plist'), 'bplist00');
  const root = installPackage(join(home, 'prefix'));
  const found = find({ env: { PATH: join(home, 'prefix', 'bin') } });
  expect(codes(found)).toEqual(['config-missing', 'node-missing', 'plist-invalid']);
  expect(found.installation).toMatchObject({ packageRoot: root, version: '2026.9.6' });
});

test('the official wrapper hook is recognised and the package found by PATH', () => {
  const root = installPackage(join(home, 'prefix'));
  const wrapper = script(join(home, 'safe-start.sh'));
  plist('ai.openclaw.gateway', [wrapper, 'gateway', '--port', '4321']);
  const found = find({ env: { PATH: join(home, 'prefix', 'bin') } });
  expect(found.installation).toMatchObject({ wrapper, packageRoot: root });
});

test('without launchd the state directory of our environment is used', () => {
  const found = find({ launchAgentsDir: null, env: { OPENCLAW_STATE_DIR: '~/elsewhere' } });
  expect(found.installation).toMatchObject({ plist: null, stateDir: join(home, 'elsewhere') });
  expect(codes(found)).not.toContain('plist-missing');
});

test('the lock of a running gateway is found and read by the paths we derive', async () => {
  const gateway = await startPracticeGateway();
  const { stateDir, configPath } = gateway;
  const files = gatewayFiles(
    { label: 'ai.openclaw.gateway', plist: null, stateDir, configPath },
    { uid: process.getuid?.() ?? 0, tmpDir: null },
  );
  const expected = { pid: gateway.pid, port: gateway.port, stateDir, configPath };
  for (const path of files.lockFiles.slice(0, 2)) {
    expect(readLock([path], process.getuid?.() ?? 0)).toMatchObject({
      kind: 'ok',
      lock: { path, ...expected },
    });
  }
  gateway.child.kill('SIGTERM');
  await gateway.exited;
  expect(readLock(files.lockFiles, process.getuid?.() ?? 0)).toEqual({ kind: 'none' });
  await gateway.cleanUp();
});
