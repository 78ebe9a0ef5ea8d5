import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { LiveProcess } from '../../src/gateway/live-processes.ts';
import { findNpm, findPackageWork } from '../../src/gateway/package-managers.ts';
import { workspace } from '../system/workspace.ts';

const row = (command: string, more: Partial<LiveProcess> = {}): LiveProcess => ({
  pid: 77,
  ppid: 1,
  command,
  ...more,
});
const work = (...rows: LiveProcess[]) => findPackageWork({ processes: async () => rows });

describe('at work on the package is', () => {
  test.each([
    ['npm install -g openclaw@2026.9.6', 'npm install'],
    ['/usr/bin/node /usr/lib/node_modules/npm/bin/npm-cli.js i -g openclaw', 'npm install'],
    ['npm update -g', 'npm install'],
    ['npm uninstall -g openclaw', 'npm at work'],
    ['/opt/node /x/pnpm.cjs add -g openclaw', 'pnpm install'],
    ['pnpm remove -g openclaw', 'pnpm at work'],
    ['node /x/yarn.js add openclaw', 'yarn install'],
    ['/Users/me/.bun/bin/bun add -g openclaw', 'bun install'],
    ['openclaw update', 'openclaw update'],
    ['node /x/openclaw/dist/index.js update --yes', 'openclaw update'],
    ['/bin/bash -p /opt/homebrew/bin/brew upgrade', 'brew upgrade'],
    ['/bin/bash -p /opt/homebrew/bin/brew upgrade --quiet', 'brew upgrade'],
    ['/bin/bash -p /opt/homebrew/bin/brew upgrade wget node', 'brew upgrade'],
    ['/opt/homebrew/bin/brew install node@24', 'brew install'],
    ['/opt/homebrew/bin/brew reinstall --verbose openclaw', 'brew reinstall'],
    ['/opt/homebrew/bin/brew postinstall node', 'brew postinstall'],
    [
      '/x/portable-ruby/current/bin/ruby -W1 /opt/homebrew/Library/Homebrew/brew.rb upgrade node',
      'brew upgrade',
    ],
    ['ruby /opt/homebrew/Library/Homebrew/build.rb /x/Formula/node.rb', 'brew at work'],
    ['ruby /opt/homebrew/Library/Homebrew/postinstall.rb /x/Formula/node@24.rb', 'brew at work'],
  ])('%s', async (command, words) => {
    expect(await work(row(command))).toBe(`process 77 (${said(words)}) may be changing the package`);
  });

  const said = (words: string): string =>
    words.startsWith('brew at')
      ? 'brew at work on node or openclaw'
      : words.endsWith('at work')
        ? `${words} on installed packages`
        : words;

  test.each([
    'npm start',
    'npm run install-things',
    'npm view openclaw',
    'node /x/openclaw/dist/index.js gateway --port 18789',
    'openclaw-gateway',
    'openclaw status',
    'openclaw-immune update',
    '/opt/homebrew/bin/brew upgrade wget',
    '/opt/homebrew/bin/brew install nodenv',
    '/opt/homebrew/bin/brew install node-sass',
    '/opt/homebrew/bin/brew list node',
    'ruby /opt/homebrew/Library/Homebrew/build.rb /x/Formula/wget.rb',
    'vim node.rb',
  ])('not %s', async (command) => {
    expect(await work(row(command))).toBeNull();
  });
});

test('names nobody’s arguments: they may hold a secret', async () => {
  const found = await work(row('npm install -g https://user:hunter2@example.org/openclaw.tgz'));
  expect(found).not.toContain('hunter2');
});

test('an npm that we started is none, and one below a gateway that we started is', async () => {
  const ours = row('node /x/immune.mjs fix-deps', { pid: 50 });
  const npm = row('npm install -g openclaw@2026.9.6', { ppid: 50 });
  expect(await work(ours, npm)).toBeNull();
  expect(await work(npm)).toContain('process 77');
  const gateway = row('openclaw-gateway', { pid: 60, ppid: 50 });
  expect(await work(ours, gateway, { ...npm, ppid: 60 })).toContain('process 77');
  expect(await work({ ...npm, ppid: process.pid }, row('node', { pid: process.pid }))).toBeNull();
});

test('a process list that cannot be read may hide one', async () => {
  const processes = async () => {
    throw new Error('no ps');
  };
  expect(await findPackageWork({ processes })).toContain('no ps');
});

test.each([
  [{ kind: 'running', marker: 'update_runs row in phase staging' } as const, 'update_runs row'],
  [
    { kind: 'unknown', because: '/x/openclaw.sqlite cannot be read: no database' } as const,
    'whether an update of OpenClaw is running cannot be told: /x/openclaw.sqlite cannot be read: no database',
  ],
  [{ kind: 'stale', marker: 'x' } as const, null],
  [{ kind: 'none' } as const, null],
])('the marks of an update of OpenClaw: %j', async (update, words) => {
  const found = await findPackageWork({ processes: async () => [], update: async () => update });
  if (words === null) expect(found).toBeNull();
  else expect(found).toContain(words);
});

describe('the npm of a Node', () => {
  const file = (path: string): string => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
    return path;
  };

  test.each(['lib/node_modules', 'libexec/lib/node_modules'])('lies in %s', (place) => {
    const folder = workspace();
    const node = file(join(folder, 'bin', 'node'));
    expect(findNpm(node)).toBeNull();
    const npm = file(join(folder, place, 'npm', 'bin', 'npm-cli.js'));
    expect(findNpm(node)).toBe(npm);
  });

  test('is found through a link to Node, and through its own command', () => {
    const folder = workspace();
    const node = file(join(folder, 'cellar', 'bin', 'node'));
    const npm = file(join(folder, 'cellar', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'));
    symlinkSync(node, join(folder, 'node'));
    expect(findNpm(join(folder, 'node'))).toBe(npm);
    const other = file(join(folder, 'other', 'node'));
    symlinkSync(npm, join(folder, 'other', 'npm'));
    expect(findNpm(other)).toBe(npm);
    expect(findNpm(join(folder, 'nowhere', 'node'))).toBeNull();
  });
});
