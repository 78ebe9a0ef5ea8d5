import { mkdirSync, mkdtempSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Settings } from '../../src/config/settings.ts';
import type { GroundEvidence } from '../../src/core/ground-evidence.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { sightGateway } from '../../src/daemon/gateway-sight.ts';
import { createGroundSights } from '../../src/probes/ground-sights.ts';
import { systemClock } from '../../src/system/clock.ts';
import { buildPlist } from '../../src/system/launchd/plist.ts';
import { createProcesses } from '../../src/system/process.ts';
import { run } from '../../src/system/run.ts';
import { findTool } from '../demo/tools.ts';
import { installOpenclaw } from '../gateway/package-fixture.ts';

/** The real sights on a real installation of files: what a plist names is what each of them gets to see. */
const uid = process.getuid?.() ?? 0;
const ps = findTool('ps') ?? '/bin/ps';
const clock = systemClock();
const label = 'ai.openclaw.gateway';

let home: string;
let root: string;
let configPath: string;
let log: string;
let settings: Settings;
let closers: (() => Promise<void>)[];
beforeEach(() => {
  closers = [];
  home = realpathSync(mkdtempSync(join(tmpdir(), 'ground-sights-')));
  const stateDir = join(home, '.openclaw');
  root = join(home, 'prefix', 'lib', 'node_modules', 'openclaw');
  configPath = join(stateDir, 'openclaw.json');
  log = join(home, 'logs', 'gateway.log');
  mkdirSync(stateDir, { mode: 0o700 });
  mkdirSync(join(home, 'logs'));
  installOpenclaw(root);
  // A validator that says what 2026.9.6 says, by the environment the plist gives it.
  writeFileSync(
    join(root, 'openclaw.mjs'),
    `console.log(JSON.stringify({ ok: true, valid: true, path: process.env.OPENCLAW_CONFIG_PATH }));\n`,
  );
  writeConfig(JSON.stringify({ gateway: { mode: 'local' } }));
  writeFileSync(log, '');
  settings = settingsFor(job(['gateway']));
});
afterEach(async () => {
  for (const close of closers) await close();
  rmSync(home, { recursive: true, force: true });
});

function writeConfig(text: string): void {
  writeFileSync(configPath, text, { mode: 0o600 });
  // Nobody is in the middle of editing it.
  const before = new Date(Date.now() - 60_000);
  utimesSync(configPath, before, before);
}

function job(words: readonly string[]): string {
  const plist = join(home, `${label}.plist`);
  writeFileSync(
    plist,
    buildPlist({
      label,
      programArguments: [process.execPath, join(root, 'dist', 'index.js'), ...words],
      environmentVariables: { HOME: home },
      standardOutPath: log,
      standardErrorPath: '/dev/null',
    }),
  );
  return plist;
}

const settingsFor = (plist: string): Settings => ({
  mode: 'act',
  serviceManager: 'launchd',
  gateway: {
    label,
    plist,
    stateDir: join(home, '.openclaw'),
    configPath,
    packageRoot: null,
    nodePath: null,
    profile: null,
    prefix: null,
    version: null,
    host: null,
    port: null,
  },
  tools: { launchctl: null, ps, lsof: null, netstat: null, git: null, tar: null, tmutil: null },
  policy: defaultPolicy,
  archives: { maxBytes: 2_147_483_648, keepVersions: 3 },
  alerts: { notification: true, channels: [] },
  schedule: { deepProbe: '*/3 * * * *', snapshot: '7 * * * *', archive: '30 4 * * 0' },
});

function grounds({ wait, onSettled = () => undefined }: { wait: boolean; onSettled?: () => void }) {
  const made = createGroundSights({
    clock,
    run,
    processes: createProcesses({ ps, run, clock }),
    uid,
    redact: (text) => text,
    place: () => sightGateway(settings, uid).ground,
    wait,
    validatorTimeoutMs: () => defaultPolicy.validatorMs,
    onSettled,
  });
  closers.push(made.close);
  return made;
}
const look = (
  made: ReturnType<typeof grounds>,
  more: {
    servicePid?: number;
    serving?: boolean;
    depth?: 'surface' | 'close';
    previous?: GroundEvidence;
  } = {},
) => made.look({ depth: 'close', serving: false, servicePid: null, previous: null, ...more });

describe('the ground of an installed gateway', () => {
  it('is sound where everything is there', async () => {
    // The job's process holds the lock, and this very process plays it.
    const locks = join(home, '.openclaw', 'tmp', `openclaw-${uid}`);
    mkdirSync(locks, { recursive: true });
    writeFileSync(join(locks, 'gateway.state.lock'), JSON.stringify({ pid: process.pid }));
    expect(await look(grounds({ wait: true }), { servicePid: process.pid })).toMatchObject({
      config: { kind: 'sound', validator: 'valid' },
      dependencies: { kind: 'intact', version: '2026.9.6' },
      plugins: { kind: 'intact' },
      launch: { kind: 'sound', node: process.execPath },
      lock: { kind: 'ours', pid: process.pid },
      descriptors: { kind: process.platform === 'linux' ? 'read' : 'unknown' },
      disk: { kind: 'read' },
      log: { kind: 'read', findings: [] },
      rollback: { kind: 'unread' },
      reinstall: { kind: 'unread' },
    });
  });

  it('does not wait for the validator while looks come again, and brings the next one forward', async () => {
    const settled = Promise.withResolvers<void>();
    const made = grounds({ wait: false, onSettled: settled.resolve });
    expect((await look(made)).config).toMatchObject({ kind: 'sound', validator: 'pending' });
    await settled.promise;
    const seen = await look(made, { depth: 'surface', serving: true });
    expect(seen.config).toMatchObject({ kind: 'sound', validator: 'valid' });
  });

  it('names what is broken, and what a person can type', async () => {
    writeConfig('{ gateway: ');
    rmSync(join(root, 'node_modules', 'ws'), { recursive: true });
    const seen = await look(grounds({ wait: true }));
    expect(seen).toMatchObject({
      config: { kind: 'faulty' },
      dependencies: { kind: 'missing', names: ['ws'] },
      rollback: { kind: 'unavailable', because: expect.stringContaining('run "immune fix-config"') },
      reinstall: {
        kind: 'unavailable',
        because: expect.stringContaining('immune fix-deps'),
      },
    });
  });

  it('still knows where the package should be when nothing of it is left', async () => {
    rmSync(root, { recursive: true });
    const seen = await look(grounds({ wait: true }));
    expect(seen.dependencies.kind).toMatch(/missing|half-installed|corrupted/);
    expect(seen.reinstall.kind).toBe('unavailable');
  });

  it('leaves out of the log what was there while it served, also when nobody looked closely', async () => {
    const made = grounds({ wait: false });
    writeFileSync(
      log,
      "[openclaw] The CLI command failed.\n[openclaw] Reason: Cannot find package 'json5' imported from /x/a.js\n",
    );
    const before = await look(made);
    if (before.log.kind !== 'read') throw new Error(before.log.kind);
    expect(before.log.findings.length).toBeGreaterThan(0);
    await look(made, { depth: 'surface', serving: true });
    expect((await look(made)).log).toEqual({ kind: 'read', findings: [] });
  });

  it('does not miss gateway.mode where the job is allowed to go without', async () => {
    writeConfig('{ gateway: { port: 1 } }');
    expect((await look(grounds({ wait: true }))).config).toMatchObject({
      kind: 'faulty',
      fault: 'incomplete',
    });
    settings = settingsFor(job(['gateway', '--allow-unconfigured']));
    expect((await look(grounds({ wait: true }))).config).toMatchObject({ kind: 'sound' });
  });

  it('tells the words of the log without the values of the config, whatever their shape', async () => {
    writeConfig(
      JSON.stringify({ gateway: { mode: 'local' }, channels: { slack: { appToken: 'xapp-1-A1-secret' } } }),
    );
    writeFileSync(log, 'Gateway failed to start: channel slack refused xapp-1-A1-secret for good\n');
    const { log: seen } = await look(grounds({ wait: false }));
    expect(seen).toMatchObject({
      kind: 'read',
      findings: [{ text: expect.stringContaining('slack refused') }],
    });
    expect(JSON.stringify(seen)).not.toContain('A1-secret');
  });
});
