import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chooseHome } from '../../src/cli/install/home.ts';
import { findOnPath, findTools, missingTools, withoutGitStandIn } from '../../src/cli/install/tools.ts';
import { run } from '../../src/system/run.ts';

let root: string;
const uid = process.getuid?.() ?? 501;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'immune-ground-'));
  for (const folder of ['first', 'second', 'folder']) mkdirSync(join(root, folder));
  writeFileSync(join(root, 'first', 'ps'), 'not executable');
  chmodSync(join(root, 'first', 'ps'), 0o644);
  writeFileSync(join(root, 'second', 'ps'), '#!/bin/sh\n');
  chmodSync(join(root, 'second', 'ps'), 0o755);
  mkdirSync(join(root, 'first', 'lsof'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('the home that is installed into', () => {
  it('is the one of the user database when HOME agrees or is not set', async () => {
    const account = { uid, home: '/Users/me' };
    expect(await chooseHome(account, {})).toEqual({ home: '/Users/me', note: null });
    expect(await chooseHome(account, { HOME: '/Users/me' })).toEqual({ home: '/Users/me', note: null });
  });

  it('is HOME when this user owns it, with a word about login', async () => {
    const chosen = await chooseHome({ uid, home: '/Users/me' }, { HOME: root });
    expect(chosen).toEqual({ home: root, note: expect.stringContaining('at login') });
  });

  it.each([['/'], ['relative/home'], ['/there/is/no/such/home']])(
    'is not a HOME of %j, left over by sudo or su',
    async (wrong) => {
      const chosen = await chooseHome({ uid: 4_242, home: '/Users/me' }, { HOME: wrong });
      expect(chosen).toEqual({ home: '/Users/me', note: expect.stringContaining(wrong) });
    },
  );
});

describe('external programs', () => {
  it('are the first executable files on PATH, absolute, never from a relative folder', async () => {
    const path = `.:bin:${join(root, 'first')}:${join(root, 'second')}`;
    expect(await findOnPath('ps', path)).toBe(join(root, 'second', 'ps'));
    expect(await findOnPath('lsof', join(root, 'first'))).toBeNull();
  });

  it('are looked for in the system folders too, but launchctl only where the caller looks', async () => {
    const tools = await findTools('/nowhere');
    expect(tools.tar).toMatch(/^\/(usr\/)?bin\/tar$/);
    expect(tools.launchctl).toBeNull();
  });

  it('count a git that only offers to install the command line tools as none', async () => {
    const select = join(root, 'second', 'xcode-select');
    const tools = { ...(await findTools('/nowhere')), git: '/usr/bin/git', xcodeSelect: select };
    writeFileSync(select, '#!/bin/sh\nexit 2\n');
    chmodSync(select, 0o755);
    const without = await withoutGitStandIn(tools, run);
    expect(without.git).toBeNull();
    expect(missingTools(without).join()).toContain('git was not found');
    writeFileSync(select, '#!/bin/sh\necho /Library/Developer/CommandLineTools\n');
    expect((await withoutGitStandIn(tools, run)).git).toBe('/usr/bin/git');
  });
});
