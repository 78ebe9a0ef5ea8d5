import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tree } from '../cli/install-world.ts';
import { type Ended, giveTo, runAs, user } from './unprivileged.ts';

const repository = new URL('../../', import.meta.url).pathname;
const script = join(repository, 'install.sh');
const systemPath = '/usr/bin:/bin:/usr/sbin:/sbin';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'immune-sh-'));
  chmodSync(root, 0o755);
  // A launchctl that only has to be there: nothing in this file gets as far as calling it.
  tool('with launchctl', 'launchctl', 'exit 1');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A folder for PATH with one program in it. */
function tool(folder: string, name: string, body: string): string {
  const path = join(root, folder);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(path, name), 0o755);
  return path;
}

/** A checkout without dependencies, as after a clone. */
function clone(name: string): string {
  const path = join(root, name);
  mkdirSync(path);
  for (const file of ['install.sh', 'package.json', 'launchd', 'rolldown.config.ts']) {
    cpSync(join(repository, file), join(path, file), { recursive: true });
  }
  mkdirSync(join(path, 'src'));
  giveTo(user, path);
  return path;
}

/** System tools without any npm, so that its absence can be tried on a machine that has one. */
function bareTools(): string {
  const path = join(root, 'bare tools');
  mkdirSync(path, { recursive: true });
  for (const name of ['sh', 'cat', 'sed', 'dirname', 'id', 'find', 'head']) {
    const from = ['/usr/bin', '/bin'].map((folder) => join(folder, name)).find(existsSync);
    if (from !== undefined && !existsSync(join(path, name))) symlinkSync(from, join(path, name));
  }
  return path;
}

const install = (args: readonly string[], path: string, where = script, as = user): Promise<Ended> =>
  runAs(as, ['/bin/sh', where, ...args], { PATH: path, HOME: root });
const withLaunchctl = (): string => `${join(root, 'with launchctl')}:${systemPath}`;

describe('the script itself', () => {
  const find = (name: string): string =>
    systemPath
      .split(':')
      .map((folder) => join(folder, name))
      .find(existsSync) ?? '';
  const [dash, bash, shellcheck] = ['dash', 'bash', 'shellcheck'].map(find) as [string, string, string];

  it.skipIf(dash === '')('is accepted by dash', () => {
    execFileSync(dash, ['-n', script]);
  });
  it.skipIf(bash === '')('is accepted by bash as a POSIX shell', () => {
    execFileSync(bash, ['--posix', '-n', script]);
  });
  it.skipIf(shellcheck === '')('has nothing shellcheck would complain about', () => {
    execFileSync(shellcheck, [script]);
    execFileSync(shellcheck, [
      '-s',
      'sh',
      '-e',
      // -nt is POSIX since 2024, and every sh had it before.
      'SC2288,SC3013',
      join(repository, 'launchd', 'launcher.sh.template'),
    ]);
    // Only names that have been matched before are listed, and ps is asked for words, not for names.
    execFileSync(shellcheck, ['-e', 'SC2009,SC2010,SC2012', join(repository, 'launchd', 'lifeboat.sh')]);
  });
});

describe('its options', () => {
  it.each([
    ['--dryrun', '--dry-run'],
    ['--remove', '--uninstall'],
    ['--observer', '--observe'],
    ['--safestart', '--safe-start'],
    ['--demonstrate', '--demo'],
    ['--nonsense', '--help'],
  ])('refuses %s and suggests %s', async (option, suggestion) => {
    const ended = await install([option], systemPath);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(`unknown option: ${option}`);
    expect(ended.stderr).toContain(`./install.sh ${suggestion}`);
  });

  it.each([
    [['--real']],
    [['--purge']],
    [['--demo', '--safe-start']],
    [['--uninstall', '--safe-start']],
    [['--demo', '--observe']],
    [['--observe', '--uninstall']],
  ])('refuses %j, which cannot be meant', async (options) => {
    const ended = await install(options, withLaunchctl());
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('next: ./install.sh');
  });

  it('--help explains every option', async () => {
    const { code, stdout } = await install(['--help'], systemPath);
    expect(code).toBe(0);
    for (const option of ['--dry-run', '--observe', '--uninstall', '--purge', '--demo', '--real']) {
      expect(stdout).toContain(option);
    }
  });
});

describe('what it refuses', () => {
  it('says one sentence where there is no launchctl', async () => {
    const { code, stderr } = await install([], systemPath);
    expect(code).toBe(4);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/--demo.*npm exec -- immune daemon --foreground/);
  });

  it.skipIf(process.getuid?.() !== 0)('does not install as root, which may look at the plan', async () => {
    const asRoot = { uid: 0, gid: 0 };
    const refused = await install([], withLaunchctl(), script, asRoot);
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining('without sudo: ./install.sh') });
    const checkout = clone('for root');
    const planned = await install(['--dry-run'], withLaunchctl(), join(checkout, 'install.sh'), asRoot);
    expect(planned.code).toBe(0);
  });
});

describe('without dependencies', () => {
  it('a dry run names npm ci and changes nothing', async () => {
    const checkout = clone('dry run');
    const before = tree(root);
    const { code, stdout } = await install(['--dry-run'], withLaunchctl(), join(checkout, 'install.sh'));
    expect(code).toBe(0);
    expect(stdout).toContain('npm ci');
    expect(tree(root)).toEqual(before);
  });

  it('says what, why and the next command when npm fails', async () => {
    const checkout = clone("it's a clone");
    const npm = tool('failing npm', 'npm', 'echo "npm error code ENOTFOUND" >&2; exit 1');
    const { code, stderr } = await install([], `${npm}:${withLaunchctl()}`, join(checkout, 'install.sh'));
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /ENOTFOUND[\s\S]*npm ci did not succeed; nothing has been installed[\s\S]*no network[\s\S]*next: cd /,
    );
  });

  it('says so when there is no npm at all', async () => {
    const checkout = clone('no npm');
    const path = `${join(root, 'with launchctl')}:${bareTools()}`;
    const { code, stderr } = await install([], path, join(checkout, 'install.sh'));
    expect(code).toBe(3);
    expect(stderr).toContain('there is no npm on PATH');
    expect(stderr).toContain('next: put npm on PATH');
  });

  it('says so when npm succeeds without bringing our Node', async () => {
    const checkout = clone('omitted');
    const npm = tool('idle npm', 'npm', 'exit 0');
    const { code, stderr } = await install([], `${npm}:${withLaunchctl()}`, join(checkout, 'install.sh'));
    expect(code).toBe(3);
    expect(stderr).toContain('npm ci --include=optional');
  });
});
