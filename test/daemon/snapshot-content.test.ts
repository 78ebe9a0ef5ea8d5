import {
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, it } from 'vitest';
import { resolvePaths } from '../../src/config/paths.ts';
import type { Settings } from '../../src/config/settings.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { instant } from '../../src/core/time.ts';
import { sightGateway } from '../../src/daemon/gateway-sight.ts';
import { type JobParts, runSnapshot } from '../../src/daemon/job-runs.ts';
import { openStore } from '../../src/daemon/open-store.ts';
import { assembleSnapshot } from '../../src/daemon/snapshot-content.ts';
import { systemClock } from '../../src/system/clock.ts';
import { buildPlist } from '../../src/system/launchd/plist.ts';
import { createProcesses } from '../../src/system/process.ts';
import { type Run, run } from '../../src/system/run.ts';
import { findTool } from '../demo/tools.ts';
import { installOpenclaw } from '../gateway/package-fixture.ts';
import { workspace } from '../system/workspace.ts';

const uid = process.getuid?.() ?? 0;
const clock = systemClock();
const ps = findTool('ps') ?? '/bin/ps';
const label = 'ai.openclaw.gateway';
const sound = JSON.stringify({ gateway: { mode: 'local', $include: './auth.json5' } });

let home: string;
let settings: Settings;
let paths: ReturnType<typeof resolvePaths>;
beforeEach(() => {
  home = realpathSync(workspace());
  const stateDir = join(home, '.openclaw');
  const root = join(home, 'prefix', 'lib', 'node_modules', 'openclaw');
  paths = resolvePaths({ home, layout: 'xdg', env: {} });
  for (const folder of [join(stateDir, 'service-env'), join(stateDir, 'state'), paths.state, paths.bin])
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  installOpenclaw(root);
  const wrapper = join(stateDir, 'service-env', `${label}-env-wrapper.sh`);
  const env = join(stateDir, 'service-env', `${label}.env`);
  const plist = join(home, `${label}.plist`);
  writeFileSync(wrapper, '#!/bin/sh\n', { mode: 0o700 });
  writeFileSync(env, "export TOKEN='secret'\n", { mode: 0o600 });
  writeFileSync(
    plist,
    buildPlist({
      label,
      programArguments: [wrapper, env, process.execPath, join(root, 'dist', 'index.js'), 'gateway'],
      environmentVariables: { HOME: home },
      standardOutPath: '/dev/null',
      standardErrorPath: '/dev/null',
    }),
  );
  writeFileSync(join(stateDir, 'openclaw.json'), sound);
  writeFileSync(join(stateDir, 'auth.json5'), '{}');
  writeFileSync(paths.config, '{}');
  writeFileSync(join(paths.bin, 'immune'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(join(paths.bin, 'huge'), Buffer.alloc(300_000));
  mkdirSync(join(paths.bin, 'folder'));
  settings = {
    mode: 'act',
    serviceManager: 'launchd',
    gateway: {
      label,
      plist,
      stateDir,
      configPath: join(stateDir, 'openclaw.json'),
      packageRoot: root,
      nodePath: null,
      profile: null,
      prefix: null,
      version: null,
      host: null,
      port: null,
    },
    tools: {
      launchctl: null,
      ps,
      lsof: null,
      netstat: null,
      git: findTool('git'),
      tar: null,
      tmutil: null,
    },
    policy: defaultPolicy,
    archives: { maxBytes: 2_147_483_648, keepVersions: 3 },
    alerts: { notification: true, channels: [] },
    schedule: { deepProbe: '*/3 * * * *', snapshot: '7 * * * *', archive: '30 4 * * 0' },
  };
});

const assemble = () =>
  assembleSnapshot({
    settings,
    paths,
    sight: sightGateway(settings, uid),
    bootId: 'boot',
    now: instant(1_000),
  });

describe('the content of a snapshot', () => {
  it('is the config, the job with its wrapper and environment, and what is ours', async () => {
    const database = new DatabaseSync(join(settings.gateway.stateDir, 'state', 'openclaw.sqlite'));
    database.exec('PRAGMA journal_mode = WAL; PRAGMA user_version = 42; CREATE TABLE t (a)');
    const assembled = await assemble();
    database.close();
    if (assembled.kind !== 'assembled') throw new Error(assembled.because);
    const { content, hash, times, aside } = assembled;
    expect(content.files.map(({ name, role }) => `${role} ${name}`).toSorted()).toEqual([
      'config openclaw.json',
      'immune immune/bin/immune',
      'immune immune/config.json5',
      'include includes/auth.json5',
      `service service/${label}-env-wrapper.sh`,
      `service service/${label}.env`,
      `service service/${label}.plist`,
    ]);
    expect(content).toMatchObject({
      bootId: 'boot',
      openclaw: '2026.9.6',
      schemas: { 'openclaw.sqlite': 42 },
    });
    expect(content.files.find(({ name }) => name.endsWith('wrapper.sh'))?.mode).toBe(0o700);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(times.map(({ path }) => path)).toEqual([
      settings.gateway.configPath,
      join(settings.gateway.stateDir, 'auth.json5'),
    ]);
    expect(aside).toBe(null);
  });

  it('is still the config when everything beside it is gone', async () => {
    for (const path of [
      settings.gateway.plist,
      paths.config,
      paths.bin,
      join(settings.gateway.stateDir, 'service-env'),
    ])
      rmSync(path, { recursive: true });
    const assembled = await assemble();
    expect(
      assembled.kind === 'assembled' && assembled.content.files.map(({ name }) => name).toSorted(),
    ).toEqual(['includes/auth.json5', 'openclaw.json']);
  });
});

describe('the snapshot job', () => {
  const job = (wrap: (inner: Run) => Run = (inner) => inner) => {
    const none = async (): Promise<never> => {
      throw new Error('not asked for here');
    };
    const parts: JobParts = {
      settings,
      paths,
      clock,
      run: wrap(run),
      processes: createProcesses({ ps, run, clock }),
      manager: {
        kind: 'embedded',
        read: none,
        readDisabled: none,
        labels: none,
        enable: none,
        bootstrap: none,
        bootout: none,
        kickstart: none,
      },
      log: {
        info: () => undefined,
        warn: () => undefined,
        error: () => undefined,
      } as unknown as JobParts['log'],
      installed: () => null,
      sight: () => sightGateway(settings, uid),
      watchdogLabel: 'watchdog',
    };
    return runSnapshot(parts);
  };
  const listed = async () => {
    const store = openStore({ paths, settings, run, clock, processes: createProcesses({ ps, run, clock }) });
    const listing = await store.list(10);
    return listing.kind === 'listed' ? listing.entries.length : null;
  };

  it('records a change once and says what it did', async () => {
    expect(await job()).toMatchObject({
      kind: 'done',
      text: expect.stringMatching(/was recorded as [0-9a-f]{12}$/),
    });
    expect(await job()).toMatchObject({
      text: expect.stringContaining('the same as in the newest snapshot'),
    });
    writeFileSync(join(settings.gateway.stateDir, 'auth.json5'), '{ auth: {} }');
    expect(await job()).toMatchObject({ text: expect.stringContaining('was recorded as') });
    expect(await listed()).toBe(2);
    const env = join(paths.configBackup, 'service', `${label}.env`);
    expect(readFileSync(env, 'utf8')).toContain('secret');
    expect(statSync(env).mode & 0o777).toBe(0o600);
  });

  it('sets a clobbered config aside, and has nothing to record where there is none', async () => {
    await job();
    truncateSync(settings.gateway.configPath, 0);
    expect(await job()).toMatchObject({
      kind: 'done',
      text: expect.stringMatching(/is empty\); it was set aside as/),
    });
    expect(await listed()).toBe(1);
    expect(readFileSync(join(paths.configBackup, 'openclaw.json'), 'utf8')).toBe(sound);
    rmSync(settings.gateway.configPath);
    expect(await job()).toMatchObject({ kind: 'done', text: expect.stringContaining('nothing to record') });
    mkdirSync(settings.gateway.configPath);
    expect(await job()).toMatchObject({ kind: 'failed' });
  });

  it('says that a repository was mended, and that a history has become long', async () => {
    await job();
    rmSync(join(paths.configBackup, '.git', 'immune-checked'), { force: true });
    truncateSync(join(paths.configBackup, '.git', 'refs', 'heads', 'main'), 0);
    expect((await job()).text).toMatch(
      /the same as in the newest snapshot; the repository was damaged .+ is kept as/,
    );
    const long = await job((inner) => async (request) => {
      const answer = await inner(request);
      if (!request.args.includes('count-objects') || answer.kind !== 'exited') return answer;
      return { ...answer, stdout: answer.stdout.replace(/^size: \d+/m, 'size: 300000') };
    });
    expect(long.text).toMatch(/the history in .+ has 29\d MB; "git gc" there packs it/);
  });

  it('fails in words without git', async () => {
    settings = { ...settings, tools: { ...settings.tools, git: null } };
    expect(await job()).toMatchObject({ kind: 'failed', text: expect.stringContaining('git was not found') });
  });
});
