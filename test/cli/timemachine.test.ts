import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { insideOf, timeMachinePlan } from '../../src/cli/timemachine/plan.ts';
import { parseLocalSnapshots } from '../../src/cli/timemachine/text.ts';
import { runTimemachine } from '../../src/cli/timemachine/timemachine.ts';
import { instant, millis, seconds } from '../../src/core/time.ts';
import { type ChangeWorld, changeWorld } from './change-world.ts';

/** There it is always found. */
const isMac = existsSync('/usr/bin/tmutil');

const at = (...parts: [number, number, number, number, number, number]): number => {
  const [year, month, ...rest] = parts;
  return new Date(year, month - 1, ...rest).getTime();
};

describe('what tmutil listlocalsnapshots prints', () => {
  it.each([
    [
      'a list under its header, newest first however it comes',
      'Snapshots for disk /:\ncom.apple.TimeMachine.2026-11-21-213000.local\ncom.apple.TimeMachine.2026-11-22-033000.local\n',
      ['com.apple.TimeMachine.2026-11-22-033000.local', 'com.apple.TimeMachine.2026-11-21-213000.local'],
      0,
    ],
    [
      'a list of a volume group, with the snapshot of an update and of another program in it',
      'Snapshots for volume group containing disk /:\ncom.apple.TimeMachine.2026-11-22-033000.local\ncom.apple.os.update-DF3A\ncom.bombich.ccc.1F2E\n',
      ['com.apple.TimeMachine.2026-11-22-033000.local'],
      2,
    ],
    [
      'a list without a header, with carriage returns and notes, of an older system',
      'NOTE: local snapshots are considered purgeable.\r\n  com.apple.TimeMachine.2019-01-02-030405\r\n',
      ['com.apple.TimeMachine.2019-01-02-030405'],
      0,
    ],
    ['a header alone', 'Snapshots for disk /:\n', [], 0],
    ['nothing at all', '', [], 0],
    [
      'names with dates that no calendar has',
      'Snapshots for disk /:\ncom.apple.TimeMachine.2026-13-40-999999.local\n',
      [],
      1,
    ],
  ])('is read where it is %s', (_what, text, names, others) => {
    const listed = parseLocalSnapshots(text);
    expect(listed).toMatchObject({ kind: 'listed', others });
    expect(listed.kind === 'listed' && listed.snapshots.map(({ name }) => name)).toEqual(names);
  });

  it('is no list where it is something else, and its first line is quoted', () => {
    expect(parseLocalSnapshots('\nUsage: tmutil listlocalsnapshots <mount_point>\u0007\nmore')).toEqual({
      kind: 'unclear',
      because: 'Usage: tmutil listlocalsnapshots <mount_point>?',
    });
  });

  it('takes the date of the name for local time', () => {
    const listed = parseLocalSnapshots('com.apple.TimeMachine.2026-11-22-033015.local');
    expect(listed).toMatchObject({ snapshots: [{ at: at(2026, 11, 22, 3, 30, 15) }] });
  });
});

describe('a path inside of a snapshot of the data volume', () => {
  it.each([
    ['/Users/me/.openclaw/openclaw.json', '/m/Users/me/.openclaw/openclaw.json'],
    ['/opt/homebrew/lib/node_modules/openclaw', '/m/opt/homebrew/lib/node_modules/openclaw'],
    ['/System/Volumes/Data/Users/me/x', '/m/Users/me/x'],
    ['/Volumes/Other/x', null],
  ])('of %s is %s', (path, inside) => {
    expect(insideOf(path, '/m')).toBe(inside);
  });
});

describe('the commands', () => {
  /** What a shell makes of them, with the programs that need a Mac or an administrator as folders of files. */
  it('do in a shell what they say, with spaces, quotes and umlauts in every path', async () => {
    const world = await changeWorld();
    try {
      const root = dirname(world.configPath);
      const home = join(root, "Jürgen's Mac", 'a $HOME `b`');
      const configPath = join(home, '.openclaw', 'openclaw.json');
      const packageRoot = join(home, 'node modules', 'openclaw');
      const folder = join(home, 'time machine');
      const snapshot = {
        name: 'com.apple.TimeMachine.2026-11-22-033000.local',
        at: instant(0),
      };
      const place = {
        folder,
        configPath,
        packageRoot,
        version: '2026.9.6',
        label: 'ai.openclaw.gateway',
        uid: 501,
      };
      const disk = join(root, 'snapshot');
      for (const path of [dirname(configPath), packageRoot]) {
        mkdirSync(path, { recursive: true });
        mkdirSync(join(disk, path), { recursive: true });
      }
      writeFileSync(join(disk, configPath), 'the old config');
      writeFileSync(join(disk, packageRoot, 'package.json'), '{ "version": "2026.9.6" }');
      writeFileSync(join(packageRoot, 'damaged'), '');
      const bin = join(root, 'bin');
      const log = join(root, 'log');
      mkdirSync(bin);
      // mount_apfs: the mount point becomes what the snapshot holds.
      const sudo = `#!/bin/sh\nprintf '%s\\n' "$*" >>'${log}'\ncase $1 in /sbin/mount_apfs) cp -R '${disk}/.' "$7";; esac\n`;
      writeFileSync(join(bin, 'sudo'), sudo, { mode: 0o755 });
      for (const name of ['immune', 'launchctl'])
        writeFileSync(join(bin, name), `#!/bin/sh\nprintf '%s\\n' "${name} $*" >>'${log}'\n`, {
          mode: 0o755,
        });
      const commands = timeMachinePlan(snapshot, place).flatMap((block) => block.commands);
      const script = commands.join('\n').replaceAll('/bin/launchctl', 'launchctl');
      execFileSync('/bin/sh', ['-eu', '-c', script], { env: { PATH: `${bin}:/usr/bin:/bin`, HOME: home } });
      const copies = join(folder, 'from-2026-11-22-033000');
      expect(readFileSync(join(copies, 'openclaw.json'), 'utf8')).toBe('the old config');
      expect(readFileSync(join(packageRoot, 'package.json'), 'utf8')).toContain('2026.9.6');
      expect(readFileSync(join(copies, 'replaced', 'damaged'), 'utf8')).toBe('');
      expect(readFileSync(log, 'utf8').trimEnd().split('\n')).toEqual([
        `/sbin/mount_apfs -o rdonly,nobrowse -s ${snapshot.name} /System/Volumes/Data ${join(folder, 'mounted')}`,
        `immune apply --dry-run ${join(copies, 'openclaw.json')}`,
        `immune apply ${join(copies, 'openclaw.json')}`,
        `immune fix-config --from ${join(copies, 'openclaw.json')}`,
        'immune pause 30m',
        'launchctl bootout gui/501/ai.openclaw.gateway',
        'immune fix-deps --dry-run',
        'immune restart',
        'immune resume',
        `/sbin/umount ${join(folder, 'mounted')}`,
      ]);
    } finally {
      await world.remove();
    }
  });

  it('say of a config on another disk that this snapshot does not hold it', () => {
    const plan = timeMachinePlan(
      { name: 'com.apple.TimeMachine.2026-11-22-033000.local', at: instant(0) },
      { folder: '/d', configPath: '/Volumes/X/c.json', packageRoot: null, version: null, label: 'x', uid: 1 },
    );
    expect(plan.map(({ what }) => what).join('\n')).toContain('/Volumes/X/c.json lies on another disk');
    expect(plan.flatMap(({ commands }) => commands).join('\n')).not.toContain('immune apply');
  });
});

describe('immune timemachine', () => {
  let world: ChangeWorld;
  beforeEach(async () => {
    world = await changeWorld();
  });
  afterEach(() => world.remove());

  const tmutil = (script: string): void => {
    const file = world.file('tmutil', `#!/bin/sh\n${script}\n`);
    execFileSync('/bin/chmod', ['755', file]);
    const { config } = world.context.paths;
    const settings = JSON.parse(readFileSync(config, 'utf8'));
    writeFileSync(config, JSON.stringify({ ...settings, tools: { ...settings.tools, tmutil: file } }));
  };
  const told = async (json = false, withinMs = seconds(20)): Promise<string> => {
    const before = world.written().length;
    const code = await runTimemachine({ json }, world.context, withinMs);
    return `${code} ${world.written().slice(before)}`;
  };
  const list = `[ "$*" = 'listlocalsnapshots /' ] || exit 64
echo 'Snapshots for disk /:'
echo com.apple.TimeMachine.2026-11-21-213000.local
echo com.apple.TimeMachine.2026-11-22-033000.local`;

  it('lists them with their age, and prints the commands for the newest with the real paths', async () => {
    tmutil(list);
    const text = await told();
    expect(text).toMatch(/^0 2 local snapshots of Time Machine, newest first:\n/);
    expect(text).toMatch(
      /\n {2}com\.apple\.TimeMachine\.2026-11-22-033000\.local {2}2026-11-22 03:30:00, .+\n/,
    );
    expect(text).toMatch(
      /\n {2}sudo \/sbin\/mount_apfs -o rdonly,nobrowse -s com\.apple\.TimeMachine\.2026-11-22-/,
    );
    expect(text).toMatch(
      /\n {2}cp -p '.*\/mounted\/.*\/\.openclaw\/openclaw\.json' '.*from-2026-11-22-033000/,
    );
    expect(text).toMatch(/\n {2}immune apply '.*'\n/);
    expect(text).toMatch(/\n {2}cp -Rp '.*\/package' '.*'\n/);
    expect(text).toContain('its version must be 2026.9.6');
    const json = JSON.parse((await told(true)).slice(2));
    expect(Object.keys(json)).toEqual([
      'version',
      'outcome',
      'because',
      'next',
      'exitCode',
      'snapshots',
      'instead',
    ]);
    expect(json.snapshots).toHaveLength(2);
    expect(json.snapshots[1].steps[0].commands.join('\n')).toContain('2026-11-21-213000');
  });

  it('follows links, and goes by the folder where the config itself is gone', async () => {
    tmutil(list);
    const stateDir = dirname(world.configPath);
    const elsewhere = join(dirname(stateDir), 'elsewhere');
    mkdirSync(elsewhere);
    rmSync(stateDir, { recursive: true });
    symlinkSync(elsewhere, stateDir);
    expect(await told()).toMatch(/cp -p '.*\/mounted\/.*\/elsewhere\/openclaw\.json'/);
  });

  it.skipIf(isMac)('works without settings of ours, by what OpenClaw itself tells', async () => {
    rmSync(world.context.paths.config);
    expect(await told()).toMatch(/^3 there is no tmutil here/);
  });

  it.each([
    [
      'there is no list at all',
      'echo "Snapshots for disk /:"',
      /^3 Time Machine keeps no local snapshot.*\n/,
    ],
    [
      'only others are there',
      'echo "Snapshots for disk /:"; echo com.apple.os.update-1',
      /^3 Time Machine keeps no.*; 1 of other programs are there/,
    ],
    [
      'it fails',
      'echo "tmutil: listlocalsnapshots: Operation not permitted" >&2; exit 1',
      /^3 .*tmutil failed \(exit 1\): tmutil: listlocalsnapshots: Operation not permitted\n/,
    ],
    ['it fails without a word', 'exit 70', /^3 .*failed \(exit 70\): it gives no reason\n/],
    [
      'it fails and ends with 0',
      'echo "Failed to list local snapshots: error 22" >&2',
      /^3 .*printed no list: Failed to list local snapshots: error 22\n/,
    ],
    ['it prints something else', 'echo usage: what', /^3 .*printed no list: usage: what\n/],
    ['it is killed', 'kill -9 $$', /^3 .*was ended by SIGKILL\n/],
  ])('says plainly, with the next best thing, that %s', async (_what, script, words) => {
    tmutil(script);
    const text = await told();
    expect(text).toMatch(words);
    expect(text).toContain('  next: immune snapshots');
    expect(text).toContain('  next: immune archives');
    expect(JSON.parse((await told(true)).slice(2))).toMatchObject({
      snapshots: [],
      next: 'immune snapshots',
      exitCode: 3,
      instead: [expect.stringContaining('immune snapshots'), expect.stringContaining('immune archives')],
    });
  });

  it('does not wait for one that hangs', async () => {
    tmutil('exec sleep 60');
    expect(await told(false, millis(200))).toMatch(/^3 .*did not answer within 200 ms/);
  });

  it.skipIf(isMac)('has no program to ask where the recorded one is gone, or is none', async () => {
    tmutil(list);
    rmSync(join(dirname(dirname(world.configPath)), 'tmutil'));
    expect(await told()).toMatch(/^3 there is no tmutil here: Time Machine is a part of macOS\n/);
  });

  it('ends with Ctrl-C', async () => {
    tmutil('exec sleep 60');
    const asked = told();
    world.interrupt();
    await expect(asked).rejects.toMatchObject({ exitCode: 130 });
  });
});
