import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../system/workspace.ts';
import { file, storeIn } from '../vault/store-ground.ts';
import { type Boat, makeBoat, makePackage, shells, verified } from './lifeboat-place.ts';

let boat: Boat;
beforeEach(async () => {
  boat = await makeBoat();
});
afterEach(() => boat.stop());

const good = '{ gateway: { mode: "local", port: 18789, auth: { token: "GOOD-SECRET" } } }\n';
const broken = '{ gateway: { mode: "local", bind: "lan", auth: { token: "BAD-SECRET" } \n';

describe.each(shells)('the lifeboat, run by %s, as it restores,', (_, shell) => {
  it('puts the newest verified snapshot in place, keeps what it replaces, and takes it back', async () => {
    await verified(boat, '{ old: 1 }\n');
    await verified(boat, good, [
      file('includes/a b.json5', '{}\n', { path: join(dirname(boat.config), 'a b.json5') }),
    ]);
    const real = join(boat.home, 'elsewhere', 'config.json5');
    mkdirSync(dirname(real));
    writeFileSync(real, broken);
    chmodSync(real, 0o604);
    symlinkSync('../elsewhere/config.json5', boat.config);
    const refused = await boat.run(shell, 'fix-config');
    expect(refused.code).toBe(4);
    expect(refused.out).toContain('Lines with these keys differ between the two files: bind auth mode token');
    expect((await boat.run(shell, 'fix-config', '--dry-run', '--yes')).code).toBe(0);
    expect(boat.kept()).toEqual([]);
    expect(readFileSync(real, 'utf8')).toBe(broken);
    const done = await boat.run(shell, 'fix-config', '--yes');
    expect(done).toMatchObject({ code: 0, err: '' });
    expect(readFileSync(real, 'utf8')).toBe(good);
    expect(statSync(real).mode & 0o777).toBe(0o604);
    expect(readlinkSync(boat.config)).toBe('../elsewhere/config.json5');
    expect(readFileSync(join(dirname(boat.config), 'a b.json5'), 'utf8')).toBe('{}\n');
    expect(refused.out + done.out).not.toContain('SECRET');
    const again = await boat.run(shell, 'fix-config', '--yes');
    expect(again).toMatchObject({ code: 0 });
    expect(again.out).toContain('nothing was changed');
    const [kept = ''] = boat.kept();
    expect(statSync(join(boat.data, 'quarantine', kept)).mode & 0o777).toBe(0o700);
    const undone = await boat.run(shell, 'undo', '--yes');
    expect(undone).toMatchObject({ code: 0 });
    expect(readFileSync(real, 'utf8')).toBe(broken);
    expect(statSync(real).mode & 0o777).toBe(0o604);
    expect(existsSync(join(dirname(boat.config), 'a b.json5'))).toBe(false);
    expect((await boat.run(shell, 'undo', kept, '--yes')).out).toContain('was undone already');
    // And the way back in turn.
    expect((await boat.run(shell, 'undo', '--yes')).code).toBe(0);
    expect(readFileSync(real, 'utf8')).toBe(good);
  });

  it('passes over a snapshot that is bad, altered or of another config, and goes to git after the plain copies', async () => {
    const first = await verified(boat, '{ first: 1 }\n');
    await verified(boat, good);
    const bad = await verified(boat, '{ bad: 1 }\n');
    expect(await storeIn(boat.data).store.label(bad, 'bad')).toEqual({ kind: 'done' });
    const copies = join(boat.state, 'known-good');
    const second = execFileSync('ls', [copies], { encoding: 'utf8' }).split('\n')[1] ?? '';
    writeFileSync(join(copies, second, 'openclaw.json'), '{ altered: 1 }\n');
    const done = await boat.run(shell, 'fix-config', '--yes');
    expect(done.out).toContain(`${second} (its file openclaw.json is not what was recorded)`);
    expect(readFileSync(boat.config, 'utf8')).toBe('{ first: 1 }\n');
    expect(statSync(boat.config).mode & 0o777).toBe(0o640);
    rmSync(copies, { recursive: true });
    const fromGit = await boat.run(shell, 'fix-config', '--yes');
    expect(fromGit.out).toContain('Newest verified snapshot: commit ');
    expect(readFileSync(boat.config, 'utf8')).toBe(good);
    expect(first).toMatch(/^[0-9a-f]{40}$/);
    boat.facts({ config: join(boat.home, 'other', 'openclaw.json') });
    const none = await boat.run(shell, 'fix-config', '--yes');
    expect(none.code).toBe(3);
    expect(none.out).toContain('there is no verified snapshot to go back to');
  });

  it('does not write over a config it cannot keep, and leaves no temporary file', async () => {
    await verified(boat, good);
    writeFileSync(boat.config, broken);
    writeFileSync(join(boat.data, 'quarantine'), 'a file where the folder should be');
    const refused = await boat.run(shell, 'fix-config', '--yes');
    expect(refused.code).toBe(3);
    expect(readFileSync(boat.config, 'utf8')).toBe(broken);
    expect(execFileSync('ls', ['-A', dirname(boat.config)], { encoding: 'utf8' })).toBe(
      'logs\nopenclaw.json\n',
    );
  });

  it('puts back the package that npm had moved aside, and takes that back', async () => {
    const aside = join(dirname(boat.pack), '.openclaw-a1B2c3D4');
    renameSync(boat.pack, aside);
    mkdirSync(join(boat.pack, 'dist'), { recursive: true });
    const refused = await boat.run(shell, 'fix-deps');
    expect(refused.code).toBe(4);
    const done = await boat.run(shell, 'fix-deps', '--yes');
    expect(done).toMatchObject({ code: 0 });
    expect(readFileSync(join(boat.pack, 'dist', 'index.js'), 'utf8')).toBe('// 2026.9.6\n');
    expect((await boat.run(shell, 'fix-deps', '--yes')).out).toContain('nothing was changed');
    expect((await boat.run(shell, 'undo', '--yes')).code).toBe(0);
    expect(existsSync(join(boat.pack, 'package.json'))).toBe(false);
    expect((await boat.run(shell, 'undo', '--yes')).code).toBe(0);
    expect(existsSync(join(boat.pack, 'package.json'))).toBe(true);
    // As one that was killed between its two renames leaves it.
    rmSync(boat.pack, { recursive: true });
    expect((await boat.run(shell, 'undo', '--yes')).code).toBe(0);
    expect(existsSync(join(boat.pack, 'dist'))).toBe(true);
  });

  it('puts back the clone of the same version only, and sees a file that was cut off by comparing with it', async () => {
    const hot = join(boat.data, 'archives', 'hot', '2026.9.6', 'openclaw');
    makePackage(join(boat.data, 'archives', 'hot', '2026.6.6', 'openclaw'), '2026.6.6');
    rmSync(join(boat.pack, 'node_modules', '@s'), { recursive: true });
    const none = await boat.run(shell, 'fix-deps', '--yes');
    expect(none.code).toBe(3);
    expect(none.out).toContain('its dependency @s/x is missing');
    expect(none.out).toContain('npm install -g openclaw@2026.9.6');
    makePackage(hot, '2026.9.6');
    const left = join(dirname(boat.pack), '.immune-staged-7');
    mkdirSync(left);
    expect((await boat.run(shell, 'fix-deps', '--yes')).code).toBe(0);
    writeFileSync(join(boat.pack, 'dist', 'index.js'), '//');
    writeFileSync(join(boat.pack, 'extra'), 'is no damage');
    const cut = await boat.run(shell, 'fix-deps', '--yes');
    expect(cut.out).toContain('index.js');
    expect(cut.code).toBe(0);
    expect(readFileSync(join(boat.pack, 'dist', 'index.js'), 'utf8')).toBe('// 2026.9.6\n');
    expect((await boat.run(shell, 'fix-deps', '--yes')).out).toContain('nothing was changed');
    expect(boat.kept()).toHaveLength(2);
    expect(existsSync(left)).toBe(false);
  });

  it('brings back package, config and gateway in one go, and the second time does nothing', async () => {
    await verified(boat, good);
    boat.launchctl('bootstrap', boat.domain, boat.plist);
    boat.launchctl('bootout', boat.target);
    await until('it is gone', () => boat.launchctl('print', boat.target).includes('Could not find'));
    makePackage(join(boat.data, 'archives', 'hot', '2026.9.6', 'openclaw'), '2026.9.6');
    rmSync(join(boat.pack, 'node_modules', 'ws'), { recursive: true });
    writeFileSync(boat.config, broken);
    writeFileSync(boat.log, 'Invalid config at /x\n');
    const refused = await boat.run(shell, 'nuclear');
    expect(refused.code).toBe(4);
    const done = await boat.run(shell, 'nuclear', '--yes');
    expect(done.out).toContain('package restored, config rolled back, the gateway serves again');
    expect(done.out).toMatch(/undo: immune undo lifeboat-\S+, immune undo lifeboat-/);
    expect(done.code).toBe(0);
    expect(done.out).not.toContain('SECRET');
    const calls = boat.changes().length;
    const again = await boat.run(shell, 'nuclear', '--yes');
    expect(again).toMatchObject({ code: 0 });
    expect(again.out).toBe('the gateway serves: nothing was changed\n');
    expect(boat.changes().length).toBe(calls);
    expect(boat.kept()).toHaveLength(2);
  });

  it('leaves a config that nothing accuses as it is', async () => {
    await verified(boat, good);
    writeFileSync(boat.config, '{ edited: true }\n');
    const done = await boat.run(shell, 'nuclear', '--yes');
    expect(done.out).toContain('nothing says that it is at fault: skipped');
    expect(done.code).toBe(0);
    expect(readFileSync(boat.config, 'utf8')).toBe('{ edited: true }\n');
  });
});
