import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { alive, tree } from '../cli/install-world.ts';
import { askIfThere } from '../fakes/launchd/link.ts';
import { type Ended, giveTo, runAs, user } from './unprivileged.ts';

const repository = new URL('../../', import.meta.url).pathname;
const fake = new URL('../fakes/launchd/fake.ts', import.meta.url).pathname;
const limitMs = 120_000;

let root: string;
let home: string;
let checkout: string;
let fakeDir: string;

/** The whole way, once: install.sh, the real bundle, our own Node, an ordinary user, a fake launchctl on PATH. */
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'immune-real-'));
  chmodSync(root, 0o755);
  home = join(root, "Zoë's Mac");
  checkout = join(root, 'check out');
  fakeDir = join(root, 'fake launchd');
  for (const path of [home, checkout, fakeDir, join(checkout, 'src'), join(checkout, 'dist')])
    mkdirSync(path);
  for (const file of ['install.sh', 'package.json', 'launchd']) {
    cpSync(join(repository, file), join(checkout, file), { recursive: true });
  }
  symlinkSync(join(repository, 'node_modules'), join(checkout, 'node_modules'));
  const rolldown = join(repository, 'node_modules', 'rolldown', 'bin', 'cli.mjs');
  execFileSync(process.execPath, [rolldown, '-c', '--file', join(checkout, 'dist', 'immune.mjs')], {
    cwd: repository,
    stdio: 'pipe',
  });
  giveTo(user, root);
  const start = `const { installFakeLaunchd } = await import(${JSON.stringify(fake)});
    await installFakeLaunchd({ dir: ${JSON.stringify(fakeDir)}, home: ${JSON.stringify(home)} });`;
  const started = await runAs(user, [process.execPath, '--input-type=module', '-e', start], environment());
  expect(started).toMatchObject({ code: 0, stderr: '' });
}, limitMs);

afterAll(async () => {
  await askIfThere(fakeDir, { control: 'stop' });
  rmSync(root, { recursive: true, force: true });
});

const environment = (): Record<string, string> => ({
  PATH: `${join(fakeDir, 'bin')}:/usr/bin:/bin:/usr/sbin:/sbin`,
  HOME: home,
});
const install = (...args: string[]): Promise<Ended> =>
  runAs(user, ['/bin/sh', join(checkout, 'install.sh'), ...args], environment());
const data = (): string => join(home, 'Library', 'Application Support', 'openclaw-immune');

it(
  'installs, installs again without a change, answers, and is removed without a trace',
  async () => {
    const empty = tree(home);
    const planned = await install('--dry-run');
    expect(planned).toMatchObject({ code: 0, stderr: '' });
    expect(planned.stdout).toContain('nothing has been changed');
    expect(tree(home)).toEqual(empty);

    const first = await install();
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toContain('Installed; the watchdog runs');
    const { pid } = JSON.parse(readFileSync(join(data(), 'state', 'status.json'), 'utf8'));
    const version = await runAs(user, [join(home, '.local', 'bin', 'immune'), '--version'], environment());
    expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });

    const before = tree(home, alive);
    const second = await install();
    expect(second).toMatchObject({ code: 0, stderr: '' });
    expect(tree(home, alive)).toEqual(before);
    expect(JSON.parse(readFileSync(join(data(), 'state', 'status.json'), 'utf8')).pid).toBe(pid);

    // Without dependencies it is the installed copy that removes itself.
    unlinkSync(join(checkout, 'node_modules'));
    const removed = await install('--uninstall', '--purge');
    expect(removed).toMatchObject({ code: 0, stderr: '' });
    expect(() => process.kill(pid, 0)).toThrow();
    expect(existsSync(data())).toBe(false);
    const left = Object.keys(tree(home)).filter((name) => !name.endsWith('/'));
    expect(left).toEqual([]);
  },
  limitMs,
);
