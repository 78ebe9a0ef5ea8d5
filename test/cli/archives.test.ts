import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runArchives } from '../../src/cli/archives.ts';
import type { ArchivesShop, Comparison, ListedArchive } from '../../src/cli/archives-shop.ts';
import type { ArchivesAsk } from '../../src/cli/archives-words.ts';
import { parseCommand } from '../../src/cli/parse.ts';
import { hours, instant, minutes } from '../../src/core/time.ts';
import type { Difference, Unit } from '../../src/vault/manifest.ts';
import { digestOf } from '../../src/vault/manifest.ts';
import type { VerifyOutcome } from '../../src/vault/verify-archive.ts';
import { type TestContext, testContext } from './command-context.ts';

let test: TestContext;
beforeEach(async () => {
  test = await testContext();
});
afterEach(() => test.remove());

const now = Date.now();
const archive = (change: Partial<ListedArchive> = {}): ListedArchive => ({
  version: 1,
  name: '2026.9.6-20261120T030000Z',
  openclaw: '2026.9.6',
  nodeAbi: '147',
  platform: 'darwin',
  arch: 'arm64',
  takenAt: instant(now - hours(50)),
  verifiedAt: instant(now - hours(50)),
  seenAt: instant(now - minutes(30)),
  units: 512,
  files: 39_123,
  bytes: 561 * 1_048_576,
  storedBytes: 98 * 1_048_576,
  shared: 400,
  isHot: false,
  ...change,
});
const older = archive({
  name: '2026.6.6-20261101T030000Z',
  openclaw: '2026.6.6',
  takenAt: instant(now - hours(500)),
  shared: 0,
});

const unit = (path: string, name: string | null): Unit => {
  const entries = [{ kind: 'directory', path, mode: 0o755 }] as const;
  const pack = name === null ? null : { name, version: '1.2.3' };
  const part = 'whole' as const;
  return {
    tree: 'openclaw',
    path,
    part,
    package: pack,
    digest: digestOf(entries),
    bytes: 2_097_152,
    entries,
  };
};
const lost = (path: string, kind: Difference['kind'], file: string): Difference => ({
  unit: { tree: 'openclaw', path, part: 'whole' },
  kind,
  path: file,
});

function compared(
  differences: readonly Difference[],
  units: readonly Unit[] = [],
): Comparison & { kind: 'compared' } {
  return {
    kind: 'compared',
    head: {
      version: 1,
      openclaw: '2026.9.6',
      nodeAbi: '147',
      platform: 'darwin',
      arch: 'arm64',
      takenAt: instant(Date.parse('2026-11-20T03:00:00Z')),
      provenBy: instant(Date.parse('2026-11-20T02:00:00Z')),
      trees: [{ name: 'openclaw', root: '/opt/lib/node_modules/openclaw' }],
      databases: {},
    },
    archive: '2026.9.6-20261120T030000Z',
    check: { depth: 'quick', differences, damaged: units },
    units,
    files: 39_123,
  };
}

interface Way {
  readonly json?: boolean;
  readonly shop?: Partial<ArchivesShop>;
}

async function archives(ask: ArchivesAsk, { json = false, shop = {} }: Way = {}): Promise<string> {
  const before = test.written().length;
  const whole: ArchivesShop = {
    installed: { root: '/opt/lib/node_modules/openclaw', version: '2026.9.6' },
    list: async () => ({ archives: [archive(), older], problems: [] }),
    verify: async () => ({ kind: 'verified', units: 512, files: 39_123, bytes: 561 * 1_048_576 }),
    compare: async () => compared([]),
    ...shop,
  };
  const code = await runArchives({ ask, json }, test.context, whole);
  return `${code} ${test.written().slice(before)}`;
}

describe('the list of archives', () => {
  it('has name, age, sizes, units and what they share, and marks the installed version', async () => {
    const [first, second] = (await archives({ kind: 'list' })).split('\n');
    expect(first).toMatch(
      /^0 2026\.9\.6-20261120T030000Z {2}.* \(2 days old\) {2}561 MB in 98 MB {2}512 units, 400 shared {2}verified 2 days ago, the installed version$/,
    );
    expect(second).toMatch(/^2026\.6\.6-20261101T030000Z {2}.* {2}512 units {2}verified 2 days ago$/);
  });

  it('names a hot copy, and is empty before the first one', async () => {
    const hot = async () => ({ archives: [archive({ isHot: true })], problems: [] });
    expect(await archives({ kind: 'list' }, { shop: { list: hot } })).toContain(
      'installed version, hot copy\n',
    );
    const none = async () => ({ archives: [], problems: [] });
    expect(await archives({ kind: 'list' }, { shop: { list: none } })).toMatch(
      /^0 no archive has been taken yet/,
    );
  });

  it('says what does not count, and is not well then', async () => {
    const list = async () => ({ archives: [archive()], problems: ['x was never finished'] });
    const text = await archives({ kind: 'list' }, { shop: { list } });
    expect(text).toMatch(/^3 /);
    expect(text).toContain('immune: x was never finished\n');
  });

  it('is one JSON object with stable keys', async () => {
    const told = JSON.parse((await archives({ kind: 'list' }, { json: true })).slice(2));
    expect(Object.keys(told)).toEqual(['version', 'problems', 'archives']);
    expect(Object.keys(told.archives[0]).sort()).toEqual([
      'arch',
      'bytes',
      'files',
      'hotCopy',
      'name',
      'nodeAbi',
      'openclaw',
      'platform',
      'seenAt',
      'shared',
      'storedBytes',
      'takenAt',
      'units',
      'verifiedAt',
    ]);
    expect(told.version).toBe(1);
  });
});

describe('verify', () => {
  it('takes the newest without a name, or the one whose name begins so', async () => {
    const asked: string[] = [];
    const verify: ArchivesShop['verify'] = async (name) => {
      asked.push(name);
      return { kind: 'verified', units: 1, files: 1, bytes: 1 };
    };
    for (const name of [null, '2026.6', older.name])
      await archives({ kind: 'verify', name }, { shop: { verify } });
    expect(asked).toEqual([archive().name, older.name, older.name]);
  });

  it.each<[string, VerifyOutcome, string]>([
    [
      'says that all is well',
      { kind: 'verified', units: 512, files: 39_123, bytes: 588_251_136 },
      '0 2026.9.6-20261120T030000Z: 512 units restored into staging, 39123 files (561 MB) are as they were recorded\n',
    ],
    [
      'names what cannot be restored, and what to do',
      { kind: 'damaged', damaged: [{ unit: 'node_modules/ws', because: 'it ends too early' }] },
      '3 2026.9.6-20261120T030000Z: 1 unit cannot be restored:\n  node_modules/ws: it ends too early\na new one is taken with "immune job archive" while the installed package is sound\n',
    ],
    [
      'says why it could not be told',
      { kind: 'failed', because: 'the disk is full' },
      '3 2026.9.6-20261120T030000Z could not be verified: the disk is full\n',
    ],
  ])('%s', async (_name, outcome, text) => {
    const shop = { verify: async () => outcome };
    expect(await archives({ kind: 'verify', name: null }, { shop })).toBe(text);
    const told = JSON.parse((await archives({ kind: 'verify', name: null }, { shop, json: true })).slice(2));
    expect(Object.keys(told)).toEqual([
      'version',
      'name',
      'ok',
      'units',
      'files',
      'bytes',
      'damaged',
      'because',
    ]);
    expect(told.ok).toBe(outcome.kind === 'verified');
  });

  it.each([
    [true, false, true],
    [false, false, false],
    [true, true, false],
  ])('shows its progress on a terminal alone (terminal %s, JSON %s)', async (isTTY, json, shows) => {
    let told = '';
    const err = { isTTY, write: (text: string) => (told += text) };
    const verify: ArchivesShop['verify'] = async (_name, { onUnit }) => {
      onUnit(1, 512);
      return { kind: 'verified', units: 512, files: 1, bytes: 1 };
    };
    const shop = { installed: { root: null, version: null }, verify } as unknown as ArchivesShop;
    const whole = { ...shop, list: async () => ({ archives: [archive()], problems: [] }) };
    await runArchives({ ask: { kind: 'verify', name: null }, json }, { ...test.context, err }, whole);
    expect(told.includes('1 of 512 units')).toBe(shows);
    // The line is gone in the end.
    if (shows) expect(told.endsWith('\r\u001b[K')).toBe(true);
    expect(test.written()).not.toContain('1 of 512');
  });

  it('that is interrupted says so', async () => {
    const verify: ArchivesShop['verify'] = async () => {
      test.interrupt();
      return { kind: 'failed', because: 'it was called off' };
    };
    await expect(archives({ kind: 'verify', name: null }, { shop: { verify } })).rejects.toMatchObject({
      exitCode: 130,
    });
  });

  it.each([
    ['2025', 'there is no archive 2025', 3],
    ['2026', '2026 is the beginning of 2 archives', 2],
  ])('refuses the name %s', async (name, message, exitCode) => {
    const asked = archives({ kind: 'verify', name });
    await expect(asked).rejects.toMatchObject({ message, exitCode, hint: 'immune archives' });
  });
});

describe('check', () => {
  it('says that nothing differs, and how it looked', async () => {
    expect(await archives({ kind: 'check', full: false })).toMatch(
      /^0 openclaw 2026\.9\.6 is as it was proven .*: 39123 files, sizes, modes and links compared\n$/,
    );
  });

  it('asks for every byte with --full, and for nothing but the manifest in force', async () => {
    const asked: unknown[] = [];
    const compare: ArchivesShop['compare'] = async (name, { depth }) => {
      asked.push([name, depth]);
      return compared([]);
    };
    await archives({ kind: 'check', full: true }, { shop: { compare } });
    expect(asked).toEqual([[null, 'full']]);
  });

  const damaged = compared(
    [
      lost('node_modules/ws', 'missing', 'node_modules/ws'),
      lost('node_modules/ws', 'missing', 'node_modules/ws/package.json'),
      lost('node_modules/zod', 'truncated', 'node_modules/zod/index.js'),
      lost('node_modules/zod', 'altered', 'node_modules/zod/lib/a.js'),
      { unit: { tree: 'openclaw', path: 'dist', part: 3 }, kind: 'missing', path: 'dist/a.js' },
      { unit: { tree: 'openclaw', path: 'dist', part: 7 }, kind: 'truncated', path: 'dist/b.js' },
      lost('', 'missing', 'package.json'),
      lost('docs', 'extra', 'docs/mine.md'),
    ],
    [unit('node_modules/ws', 'ws'), unit('node_modules/zod', 'zod'), unit('dist', null)],
  );

  it('names packages and files, what is there besides apart from them, and the command to type', async () => {
    const text = await archives({ kind: 'check', full: false }, { shop: { compare: async () => damaged } });
    expect(text.split('\n').slice(1)).toEqual([
      '  ws 1.2.3 (node_modules/ws): missing',
      '  zod 1.2.3 (node_modules/zod): 1 file truncated, 1 file altered: index.js, lib/a.js',
      '  dist: 1 file missing, 1 file truncated: a.js, b.js',
      '  the package itself: 1 file missing: package.json',
      'next: immune fix-deps',
      '',
    ]);
    expect(text).toMatch(
      /^3 openclaw 2026\.9\.6 is not as it was proven .*; 1 file that it does not know, which is no damage:\n/,
    );
  });

  it('is one JSON object with stable keys, sound or not', async () => {
    for (const compare of [async () => damaged, async () => compared([])]) {
      const text = await archives({ kind: 'check', full: false }, { json: true, shop: { compare } });
      const told = JSON.parse(text.slice(2));
      expect(Object.keys(told)).toEqual([
        'version',
        'ok',
        'depth',
        'openclaw',
        'provenAt',
        'archive',
        'files',
        'damage',
        'extraCount',
        'extra',
      ]);
      for (const part of told.damage)
        expect(Object.keys(part)).toEqual([
          'tree',
          'path',
          'package',
          'version',
          'gone',
          'files',
          'missing',
          'truncated',
          'altered',
        ]);
    }
  });

  it('tells twenty packages and counts the others', async () => {
    const many = Array.from({ length: 33 }, (_, at) => `node_modules/p${at}`);
    const compare = async () => compared(many.map((path) => lost(path, 'missing', path)));
    const text = await archives({ kind: 'check', full: false }, { shop: { compare } });
    expect(text).toContain('node_modules/p19: missing\n  and 13 more\n');
  });

  it.each<[string, Comparison, string]>([
    ['no manifest', { kind: 'none' }, 'no archive of the package yet'],
    ['one that cannot be read', { kind: 'failed', because: 'its line 3 is torn' }, 'its line 3 is torn'],
  ])('says what is the matter with %s', async (_name, outcome, words) => {
    const asked = archives({ kind: 'check', full: false }, { shop: { compare: async () => outcome } });
    await expect(asked).rejects.toMatchObject({ message: expect.stringContaining(words), exitCode: 3 });
  });

  it('does not compare one version with another', async () => {
    const installed = { root: '/opt/lib/node_modules/openclaw', version: '2026.10.1' };
    const asked = archives({ kind: 'check', full: false }, { shop: { installed } });
    await expect(asked).rejects.toMatchObject({ code: 'other-version', exitCode: 3 });
  });
});

describe('restore', () => {
  it('without --dry-run points to fix-deps and does nothing', async () => {
    const never = async () => {
      throw new Error('nothing is looked at');
    };
    const asked = archives(
      { kind: 'restore', name: null, dryRun: false },
      { shop: { compare: never, list: never } },
    );
    await expect(asked).rejects.toMatchObject({
      code: 'refused',
      exitCode: 4,
      hint: expect.stringContaining('immune fix-deps'),
    });
  });

  it('says what would be restored, out of what, and how much', async () => {
    const differences = [lost('node_modules/ws', 'missing', 'node_modules/ws')];
    const compare = async () => compared(differences, [unit('node_modules/ws', 'ws')]);
    const ask = { kind: 'restore', name: null, dryRun: true } as const;
    expect(await archives(ask, { shop: { compare } })).toBe(
      [
        '0 out of 2026.9.6-20261120T030000Z would be restored (1 unit, 2 MB): ws',
        'because of',
        '  ws 1.2.3 (node_modules/ws): missing',
        'nothing was changed; "immune fix-deps" does it',
        '',
      ].join('\n'),
    );
    const told = JSON.parse((await archives(ask, { json: true, shop: { compare } })).slice(2));
    expect(Object.keys(told)).toEqual(['version', 'name', 'outcome', 'openclaw', 'units', 'damage']);
    expect(await archives(ask)).toContain('nothing would be restored out of');
  });

  it('never across versions', async () => {
    const installed = { root: '/opt/lib/node_modules/openclaw', version: '2026.6.6' };
    const asked = archives({ kind: 'restore', name: null, dryRun: true }, { shop: { installed } });
    await expect(asked).rejects.toMatchObject({ code: 'other-version' });
  });
});

describe('the words of "immune archives"', () => {
  it.each([
    ['', { kind: 'list' }],
    ['list', { kind: 'list' }],
    ['verify', { kind: 'verify', name: null }],
    ['verify newest', { kind: 'verify', name: null }],
    ['verify 2026.9.6-20261120T030000Z', { kind: 'verify', name: '2026.9.6-20261120T030000Z' }],
    ['check', { kind: 'check', full: false }],
    ['check --full', { kind: 'check', full: true }],
    ['restore --dry-run', { kind: 'restore', name: null, dryRun: true }],
    ['restore 2026.9 --dry-run', { kind: 'restore', name: '2026.9', dryRun: true }],
    ['restore', { kind: 'restore', name: null, dryRun: false }],
  ])('are read: "%s"', (line, ask) => {
    const argv = ['archives', ...line.split(' ').filter((word) => word !== '')];
    expect(parseCommand(argv)).toEqual({ kind: 'archives', ask, json: false });
  });

  it.each([
    ['chekc', 'did you mean "check"?', 'immune archives check'],
    ['purge', '"purge" is nothing "immune archives" does', 'immune archives list'],
    ['list --full', '--full goes with check only', 'immune archives check --full'],
    ['verify --dry-run', '--dry-run goes with restore only', 'immune archives restore --dry-run'],
    ['check 2026.9.6', 'check takes no name', 'immune archives check'],
    ['verify ../../etc', 'is not the name of an archive', 'immune archives list'],
    ['verify a b', 'does not take "b"', 'immune archives --help'],
    ['--dryrun', 'did you mean "--dry-run"?', 'immune archives --dry-run'],
  ])('are refused with the next command: "%s"', (line, words, hint) => {
    const parsed = parseCommand(['archives', ...line.split(' ')]);
    expect(parsed).toMatchObject({ kind: 'refused', message: expect.stringContaining(words), hint });
  });
});
