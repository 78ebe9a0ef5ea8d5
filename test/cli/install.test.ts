import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runInstall } from '../../src/cli/install/install.ts';
import { parseSettings } from '../../src/config/settings.ts';
import { run } from '../../src/system/run.ts';
import {
  alive,
  changes,
  createWorld,
  otherProgram,
  plistOf,
  refusal,
  stateOf,
  statusPid,
  tree,
  type World,
} from './install-world.ts';

const act = { dryRun: false, observe: false };
const watchdog = 'org.openclaw-immune.watchdog';
const labels = ['snapshot', 'archive', 'sentinel', 'watchdog'].map((job) => `org.openclaw-immune.${job}`);

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.stop());

describe('a fresh installation', () => {
  it('loads job by job, the watchdog last, and ends with it alive, private files and a config that can be read', async () => {
    expect(await runInstall(act, world.deps)).toBe(0);
    expect(await Promise.all(labels.map((label) => stateOf(world, label)))).toEqual([
      'not running',
      'not running',
      'not running',
      'running',
    ]);
    const domain = `gui/${world.deps.uid}`;
    const expected = labels.flatMap((label) => [
      `enable ${domain}/${label}`,
      `bootstrap ${domain} ${plistOf(world, label)}`,
      ...(label === watchdog ? [`kickstart ${domain}/${label}`] : []),
    ]);
    expect(changes(world)).toEqual(expected);
    const config = readFileSync(world.paths.config, 'utf8');
    const parsed = parseSettings(config, world.paths.config);
    expect(parsed).toMatchObject({
      kind: 'ok',
      settings: { mode: 'act', serviceManager: 'launchd', tools: { launchctl: world.fake.launchctl } },
    });
    for (const [name, what] of Object.entries(tree(world.paths.data))) {
      expect(`${name} ${what.split(' ')[0]}`).toMatch(/ (-> |[67]00$)/);
    }
    for (const label of labels) expect(statSync(plistOf(world, label)).mode & 0o777).toBe(0o644);
    const started = await run({ file: world.paths.link, args: ['--version'], timeoutMs: 20_000 });
    expect(started).toMatchObject({ kind: 'exited', code: 0, stdout: '1.0.0\n' });
    expect(world.said.join('\n')).toContain(join(world.paths.logs, 'watchdog.log'));
  });

  it('starts a watchdog whose start launchd holds back, and warns of the session', async () => {
    world.fake.setFaults({ pended: true, managerName: 'Background' });
    expect(await runInstall(act, world.deps)).toBe(0);
    expect(await stateOf(world, watchdog)).toBe('running');
    expect(world.said.join('\n')).toContain('not a desktop session');
  });

  it('writes mode observe when asked, and leaves a foreign file at ~/.local/bin/immune alone', async () => {
    mkdirSync(dirname(world.paths.link), { recursive: true });
    writeFileSync(world.paths.link, 'mine');
    expect(await runInstall({ dryRun: false, observe: true }, world.deps)).toBe(0);
    expect(readFileSync(world.paths.config, 'utf8')).toContain('mode: "observe"');
    expect(world.said.join('\n')).toContain('never acts');
    expect(readFileSync(world.paths.link, 'utf8')).toBe('mine');
    expect(world.said.join('\n')).toContain(`the command is ${join(world.paths.bin, 'immune')}`);
  });
});

describe('a second installation', () => {
  it('changes no file, restarts nothing and keeps the edited config', async () => {
    await runInstall(act, world.deps);
    const edited = `${readFileSync(world.paths.config, 'utf8')}// mine\n`;
    writeFileSync(world.paths.config, edited);
    const before = tree(world.home, alive);
    const pid = await statusPid(world);
    const calls = world.fake.calls().length;
    expect(await runInstall({ dryRun: false, observe: true }, world.deps)).toBe(0);
    expect(tree(world.home, alive)).toEqual(before);
    expect(await statusPid(world)).toBe(pid);
    const kinds = changes(world, calls).map((call) => call.split(' ')[0]);
    expect(new Set(kinds)).toEqual(new Set(['enable', 'kickstart']));
    expect(world.said.join('\n')).toContain("write mode: 'observe' into");
  });

  it('with a new program stops the watchdog first, starts it last and leaves the other jobs alone', async () => {
    await runInstall(act, world.deps);
    const pid = await statusPid(world);
    // Left by an installation that was killed; no process has that id on any system we know.
    writeFileSync(join(world.paths.app, '.immune.staged-999999999.mjs'), '');
    world.program(otherProgram);
    const calls = world.fake.calls().length;
    await runInstall(act, world.deps);
    expect(await statusPid(world)).not.toBe(pid);
    const touched = changes(world, calls).filter((call) => !call.startsWith('enable'));
    expect(touched.every((call) => call.includes(watchdog))).toBe(true);
    expect(touched[0]).toContain('bootout');
    const version = await run({ file: world.paths.link, args: ['--version'], timeoutMs: 20_000 });
    expect(version).toMatchObject({ stdout: '2.0.0\n' });
    expect(Object.keys(tree(world.paths.app)).filter((name) => /previous|staged|tmp/.test(name))).toEqual([]);
  });

  it('takes up a job that somebody had disabled and unloaded', async () => {
    await runInstall(act, world.deps);
    for (const words of [['disable'], ['bootout']]) {
      await world.deps.run({
        file: world.fake.launchctl,
        args: [...words, `gui/${world.deps.uid}/${watchdog}`],
        timeoutMs: 20_000,
      });
    }
    expect(await runInstall(act, world.deps)).toBe(0);
    expect(await stateOf(world, watchdog)).toBe('running');
  });
});

describe('a dry run', () => {
  it('prints every file and command and changes nothing, and root may do it', async () => {
    const before = tree(world.home);
    expect(await runInstall({ dryRun: true, observe: false }, { ...world.deps, uid: 0 })).toBe(0);
    expect(tree(world.home)).toEqual(before);
    expect(changes(world)).toEqual([]);
    const said = world.said.join('\n');
    for (const label of labels) {
      expect(said).toContain(plistOf(world, label));
      expect(said).toContain(`launchctl' enable gui/0/${label}`);
    }
    expect(said).toContain(join(world.paths.runtime, 'node-v99.0.0', 'node'));
  });

  it('after an installation shows that only looking is left to do', async () => {
    await runInstall(act, world.deps);
    world.said.length = 0;
    await runInstall({ dryRun: true, observe: false }, world.deps);
    const said = world.said.join('\n');
    expect(said).not.toMatch(/^ {2}(copy|write|make|link)/m);
    expect(said).not.toContain('bootstrap');
  });
});

describe('launchctl in its moods', () => {
  it('refuses without a desktop session before anything is changed', async () => {
    const before = tree(world.home);
    world.fake.setFaults({ noDomain: 125 });
    expect(await refusal(runInstall(act, world.deps))).toMatchObject({ code: 'no-domain', exitCode: 4 });
    expect(tree(world.home)).toEqual(before);
  });

  it('gets through two times error 5 and a launchctl that does not know bootout --wait', async () => {
    world.fake.setFaults({ failures: { bootstrap: { code: 5, times: 2 } } });
    expect(await runInstall(act, world.deps)).toBe(0);
    world.fake.setFaults({ bootoutWait: 'unknown', bootoutCode: 36 });
    world.program(otherProgram);
    expect(await runInstall(act, world.deps)).toBe(0);
    expect(await stateOf(world, watchdog)).toBe('running');
  });

  it('says in one sentence what to do where there is no launchctl', async () => {
    const deps = { ...world.deps, env: { ...world.deps.env, PATH: '/usr/bin:/bin' } };
    const error = await refusal(runInstall(act, deps));
    expect(error).toMatchObject({
      exitCode: 4,
      hint: expect.stringMatching(/--demo.*npm exec -- immune daemon --foreground/),
    });
  });
});

describe('refusals before anything is changed', () => {
  it('does not install as root', async () => {
    const before = tree(world.home);
    const error = await refusal(runInstall(act, { ...world.deps, uid: 0 }));
    expect(error).toMatchObject({ code: 'root', exitCode: 4 });
    expect(tree(world.home)).toEqual(before);
  });

  it('names path, key and hint of a config that cannot be used', async () => {
    mkdirSync(world.paths.data, { recursive: true });
    writeFileSync(world.paths.config, '{ mode: "obsrve" }');
    const before = tree(world.home);
    const error = await refusal(runInstall(act, world.deps));
    expect(error).toMatchObject({ code: 'config', exitCode: 2 });
    expect(error.message).toContain(world.paths.config);
    expect(error.message).toMatch(/mode: .*did you mean "observe"/);
    expect(tree(world.home)).toEqual(before);
  });

  it('closes a data directory that others could look into, and follows no link to somewhere else', async () => {
    mkdirSync(world.paths.data, { recursive: true });
    chmodSync(world.paths.data, 0o755);
    mkdirSync(dirname(world.paths.link), { recursive: true });
    symlinkSync('/usr/bin/true', world.paths.link);
    await runInstall(act, world.deps);
    expect(statSync(world.paths.data).mode & 0o777).toBe(0o700);
    expect(tree(dirname(world.paths.link))['./immune']).toBe('-> /usr/bin/true');
  });
});
